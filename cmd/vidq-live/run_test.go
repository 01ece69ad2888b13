package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/core/coretest"
	"vidq/core/result"
	"vidq/internal/cli"
	"vidq/live/wire"
)

// TestOneCommand: vidq-live by itself runs a system that answers, that can be asked and
// watched, and that leaves nothing behind.
func TestOneCommand(t *testing.T) {
	t.Parallel()
	var args []string
	if coretest.Cases(10) < 10 { // under the race detector, where a picture of full size takes seconds to draw
		args = []string{"--set", "camera.classroom.resolution=360p"}
	}
	p := start(t, ports(t), args...)
	took := eventually(t, "a result", func() bool { return len(p.results("GLOBAL_ID_1")) > 0 })
	t.Logf("the first result after %v", took) // on a machine that has time for it, a few seconds

	t.Run("console", func(t *testing.T) {
		planned := regexp.MustCompile(`round \d+: 1 query, \d plans? changed · headup \d+p \d+ fps .*@`)
		eventually(t, "rounds", func() bool { return planned.MatchString(p.out.String()) })
		out := p.out.String()
		assert.Contains(t, out, "face · seed 1 · latfirst[mode=fixed] · vidq ")
		assert.Regexp(t, `(?m)^cloud +query manager +http://`+p.manager()+`$`, out)
		assert.Regexp(t, `(?m)^edge1 +compute services +http://`+p.addr("127.0.0.1", wire.PortServices)+`$`, out)
		assert.Contains(t, out, "headup is GLOBAL_ID_1: video http://"+p.addr("127.0.0.1", wire.PortSideCloud)+"/user/video/GLOBAL_ID_1\n")
		assert.Empty(t, p.err.String(), "nothing is wrong")
		printed(t, out, p.manager())
	})
	t.Run("client", func(t *testing.T) { clients(t, p) })
	t.Run("services", func(t *testing.T) { services(t, p) })
	t.Run("viewers", func(t *testing.T) { viewers(t, p) })

	p.interrupt(t, os.Interrupt)
	assert.Regexp(t, `(?s)face · seed 1 · [0-9.]+ s live · .*\nlatfirst\[mode=fixed\] +\d+/\d+ .*slo_time`, p.out.String())
	p.alone(t)
}

// printed runs the command lines that are printed, where there is a curl.
func printed(t *testing.T, out, manager string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("there is no curl here")
		return
	}
	ran := 0
	for line := range strings.Lines(out) {
		command := strings.TrimSpace(line)
		if !strings.HasPrefix(command, "curl http") {
			continue
		}
		got, err := exec.Command("bash", "-c", strings.Replace(command, "curl ", "curl -sSf ", 1)).Output()
		require.NoError(t, err, command)
		assert.True(t, json.Valid(got), "%s", got)
		ran++
	}
	assert.Equal(t, 2, ran)
	assert.Contains(t, out, "curl http://"+manager+"/query/list\n")
}

// clients submit, look and stop.
func clients(t *testing.T, p *process) {
	list := p.client(t, "", "status")
	assert.Regexp(t, `(?m)^GLOBAL_ID_1 +headup +\w+ +\d+ .* edge1/classroom +face_detection,face_alignment +delay <= 300 ms, accuracy >= 0.9`, list)

	got := p.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "5s", "--key", "mine", "--json")
	var answer wire.SubmitAnswer
	require.NoError(t, json.Unmarshal([]byte(got), &answer))
	require.EqualValues(t, 2, answer.QueryID)
	again := p.client(t, "", "submit", "--camera", "classroom", "--pipeline", "face_detection", "--latency", "5s", "--key", "mine")
	assert.Contains(t, again, "GLOBAL_ID_2 submitted", "the key is known")
	file := p.client(t, `{"node_addr": "`+p.addr("127.0.0.1", wire.PortJobs)+`", "video_id": 0, "pipeline": ["face_detection"], "user_constraint": {"delay": 0.3}}`, "submit", "-")
	assert.Contains(t, file, "GLOBAL_ID_3 submitted")

	eventually(t, "results of the query", func() bool { return len(p.results("GLOBAL_ID_2")) > 0 })
	one := p.client(t, "", "status", "2")
	assert.Regexp(t, `(?s)^GLOBAL_ID_2: \w+, \d+ frames?; asks latency <= 5000 ms\nplan: \d+p \d+ fps face_detection@\w+\n.*frame +delay +plan +result`, one)
	var d details
	require.NoError(t, json.Unmarshal([]byte(p.client(t, "", "status", "GLOBAL_ID_2", "--json")), &d))
	assert.NotEmpty(t, d.Results.AppendedResult)
	assert.NotNil(t, d.Plan.VideoConf)

	assert.Equal(t, "GLOBAL_ID_3 has ended\n", p.client(t, "", "stop", "GLOBAL_ID_3"))
	assert.Contains(t, p.client(t, "", "stop", "3", "--json"), `"query_id":"GLOBAL_ID_3"`)
	assert.Contains(t, p.client(t, "", "status", "3"), "stopped")

	for _, c := range []struct{ args, want string }{
		{"submit --camera clasroom --pipeline face_detection", `there is no camera "clasroom"; there are classroom (did you mean "classroom"?)`},
		{"submit --camera classroom --pipeline face_detection --node edge9", `there is no camera "classroom"`},
		{"status 99", "there is no query GLOBAL_ID_99"},
		{"stop 99", "query 99"},
	} {
		code, out, err := do(t, "", append(strings.Fields(c.args), "--server", p.manager())...)
		assert.Equal(t, cli.ExitInput, code, c.args)
		assert.Empty(t, out)
		assert.Contains(t, err, c.want)
		assert.Equal(t, 1, strings.Count(err, "\n"), err)
	}
}

// services are called as curl does.
func services(t *testing.T, p *process) {
	var picture bytes.Buffer
	require.NoError(t, jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 320, 240)), nil))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("image", "frame.jpg")
	require.NoError(t, err)
	_, err = part.Write(picture.Bytes())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, ip := range []string{"127.0.0.1", "127.0.0.2"} {
		url := "http://" + p.addr(ip, wire.PortServices) + "/execute_task/face_detection"
		for kind, body := range map[string][]byte{"image/jpeg": picture.Bytes(), "multipart/form-data": form.Bytes()} {
			if kind != "image/jpeg" {
				kind = strings.Replace(w.FormDataContentType(), "form-data;", "form-data; ", 1)
			}
			a := struct {
				BBox    [][4]float64 `json:"bbox"`
				Prob    []float64    `json:"prob"`
				Service float64      `json:"service_s"`
			}{}
			a.BBox = nil
			r, err := http.Post(url, kind, bytes.NewReader(body))
			require.NoError(t, err)
			text, err := io.ReadAll(r.Body)
			r.Body.Close()
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, r.StatusCode, "%s", text)
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
				require.NoError(t, json.Unmarshal(text, &a), "%s", text)
				assert.NotEmpty(t, a.BBox)
				assert.Len(t, a.Prob, len(a.BBox))
				assert.Positive(t, a.Service)
			} else {
				assert.Contains(t, string(text), `"bbox"`, r.Header.Get("Content-Type"))
				assert.Contains(t, string(text), `"service_s"`)
			}
		}
	}
}

// viewers watch at the cloud and at the edge, two each.
func viewers(t *testing.T, p *process) {
	for _, port := range []wire.Port{wire.PortSideCloud, wire.PortSideEdge} {
		for range 2 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr("127.0.0.1", port)+"/user/video/GLOBAL_ID_1", nil)
				require.NoError(t, err)
				a, err := http.DefaultClient.Do(r)
				require.NoError(t, err)
				defer a.Body.Close()
				require.Equal(t, http.StatusOK, a.StatusCode)
				require.Equal(t, wire.MJPEGType, a.Header.Get("Content-Type"))
				parts := multipart.NewReader(a.Body, "frame")
				boxes := 0
				for range 3 {
					part, err := parts.NextPart()
					require.NoError(t, err)
					require.Equal(t, "image/jpeg", part.Header.Get("Content-Type"))
					m, err := jpeg.Decode(part)
					require.NoError(t, err)
					boxes += green(m)
				}
				assert.Greater(t, boxes, 3*100, "pixels of boxes")
			})
		}
	}
}

// green counts the pixels of the colour that boxes are drawn in.
func green(m image.Image) (n int) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			if int(c.G) > 180 && int(c.R) < 120 && int(c.B) < 120 {
				n++
			}
		}
	}
	return n
}

// TestUntil ends by itself and writes the document; SIGTERM ends as Ctrl-C does.
func TestUntil(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "result.json")
	p := start(t, ports(t), "face", "--until", "6s", "--no-video", "--json", file, "--seed", "7", "--scheduler", "static[plan=all-edge]", "--set", "camera.classroom.fps=10")
	p.ends(t, cli.ExitDone)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var d result.Document
	require.NoError(t, json.Unmarshal(text, &d))
	require.Len(t, d.Runs, 1)
	r := d.Runs[0]
	assert.Equal(t, "face", d.Scenario)
	assert.Equal(t, "static[plan=all-edge]", r.Scheduler)
	assert.EqualValues(t, 7, r.Seed)
	assert.InDelta(t, 6, r.DurationS, 2)
	assert.Positive(t, r.Frames.Done)
	assert.Equal(t, r.Frames.Due, r.Frames.Done+r.Frames.Dropped+r.Frames.Failed+r.Frames.InFlight)
	assert.GreaterOrEqual(t, r.Frames.Captured, r.Frames.Due)
	require.Len(t, d.Summary, 1)
	assert.InDelta(t, 6, d.Wall.ElapsedS, 3)
	p.alone(t)

	p = start(t, ports(t), "face", "--no-video", "--json", "-")
	eventually(t, "a result", func() bool { return len(p.results("GLOBAL_ID_1")) > 0 })
	assert.Empty(t, p.out.String(), "stdout is the document's")
	p.interrupt(t, syscall.SIGTERM)
	d = result.Document{}
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &d), p.out.String())
	assert.Positive(t, d.Runs[0].Frames.Done)
	assert.Contains(t, p.err.String(), "round 1")
	p.alone(t)
}

// TestSecondOfItsKind: ports and a store are had once.
func TestSecondOfItsKind(t *testing.T) {
	t.Parallel()
	file := "sqlite:" + filepath.Join(t.TempDir(), "vidq.db")
	p := start(t, ports(t), "face", "--no-video", "--store", file)
	eventually(t, "a result", func() bool { return len(p.results("GLOBAL_ID_1")) > 0 })
	second := start(t, p.base, "face", "--no-video")
	second.ends(t, cli.ExitFailed)
	assert.Regexp(t, `^vidq-live: node "\w+" cannot listen at 127.0.0.\d:\d+: .*is another vidq-live running\?\n$`, second.err.String())
	assert.Empty(t, second.out.String())
	third := start(t, ports(t), "face", "--no-video", "--store", file)
	third.ends(t, cli.ExitFailed)
	assert.Contains(t, third.err.String(), "another process uses it")
	assert.Equal(t, 1, strings.Count(third.err.String(), "\n"), third.err.String())
	p.interrupt(t, os.Interrupt)
}

// TestTLS: nodes, clients and what is printed speak TLS when there are certificates, and the token
// of users is for callers from elsewhere.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	p := start(t, ports(t), "face", "--no-video", "--tls-cert", cert, "--tls-key", key)
	server := "https://" + p.manager()
	eventually(t, "a result", func() bool {
		code, out, _ := do(t, "", "status", "1", "--server", server, "--tls-ca", cert)
		return code == cli.ExitDone && strings.Contains(out, "\nframe  ")
	})
	assert.Contains(t, p.out.String(), "curl --cacert "+cert+" https://"+p.manager()+"/query/list")
	code, _, err := do(t, "", "status", "--server", p.manager())
	assert.Equal(t, cli.ExitFailed, code, err)
	code, _, err = do(t, "", "status", "--server", server)
	assert.Equal(t, cli.ExitFailed, code)
	assert.Contains(t, err, "certificate", "nobody has signed it")
	p.interrupt(t, os.Interrupt)
	p.alone(t)
}

// selfSigned makes a certificate of 127.0.0.1 and 127.0.0.2 that nobody else has signed.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "testbed"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2)}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}

// TestBeyondTheLoopback: nobody is let control a node by an address that others reach, unless it
// is said how they show who they are.
func TestBeyondTheLoopback(t *testing.T) {
	t.Parallel()
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil || n.IP.IsLoopback() {
			continue
		}
		base := ports(t)
		at := net.JoinHostPort(n.IP.String(), strconv.Itoa(5001+base))
		args := []string{"face", "--no-video", "--addr", "edge1=" + at}
		p := start(t, base, args...)
		p.ends(t, cli.ExitInput)
		assert.Contains(t, p.err.String(), "everybody could control this node: give tokens (--token-file)")
		assert.Equal(t, 1, strings.Count(p.err.String(), "\n"))
		assert.Empty(t, p.out.String())
		p.alone(t)

		tokens := filepath.Join(t.TempDir(), "tokens")
		require.NoError(t, os.WriteFile(tokens, []byte("user "+strings.Repeat("u", 20)+"\nnode "+strings.Repeat("n", 20)+"\n"), 0o600))
		p = start(t, base, append(args, "--token-file", tokens, "--log-level", "error")...)
		eventually(t, "a result", func() bool { return len(p.results("GLOBAL_ID_1")) > 0 })
		var v any
		status, ok := fetch(http.MethodGet, "http://"+at+"/job/list", "", nil, &v)
		assert.True(t, ok)
		assert.Equal(t, http.StatusUnauthorized, status)
		p.interrupt(t, os.Interrupt)
		return
	}
	t.Log("this machine has no address but the loopback's")
}
