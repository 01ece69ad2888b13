package serve_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vidq/live/serve"
	"vidq/live/serve/servetest"
	"vidq/live/wire"
)

// post is a request with a body.
type post struct{ name, kind, body string }

var (
	numbers = regexp.MustCompile(`":-?[0-9.]+`)
	strung  = regexp.MustCompile(`:"[^"]*"`)
)

// malformed returns broken forms of a JSON body that is taken.
func malformed(valid string) []post {
	valid = strings.TrimSpace(valid)
	fields := strings.TrimSuffix(strings.TrimPrefix(valid, "{"), "}")
	var all []post
	add := func(name, body string) { all = append(all, post{name, wire.JSONType, body}) }
	for i := range 6 {
		add("cut off", valid[:(i+1)*(len(valid)-1)/6])
	}
	add("blank", " \n")
	add("in a list", "["+valid+"]")
	add("as a string", strconv.Quote(valid))
	add("followed by more", valid+"}")
	add("twice", valid+valid)
	add("with its fields twice", "{"+fields+","+fields+"}")
	for _, v := range []string{"null", "true", "7", `""`, "[]", "{", "}", "nan", "NaN", "-", "\x00", "'{}'", "//"} {
		add("another value", v)
	}
	add("with a comma at the end", "{"+fields+",}")
	add("with a comment", "{/**/"+fields+"}")
	add("with a number as key", "{1:2,"+fields+"}")
	add("with a byte order mark", "\ufeff"+valid)
	var wide bytes.Buffer
	for _, u := range utf16.Encode([]rune(valid)) {
		wide.Write([]byte{byte(u), byte(u >> 8)})
	}
	add("in UTF-16", wide.String())
	add("with what is no UTF-8", `{"`+"\xff\xfe"+`":1,`+fields+"}")
	add("with half a surrogate", `{"\ud800":1,`+fields+"}")
	add("with a raw newline in a string", "{\"a\nb\":1,"+fields+"}")
	if at := numbers.FindStringIndex(valid); at != nil {
		for _, n := range []string{"1e999", "1" + strings.Repeat("0", 309), "0x10", "01", "-", "1.5.5", "1e", strings.Repeat("9", 100_000), "{}"} {
			add("with a number that is none", valid[:at[0]+2]+n+valid[at[1]:])
		}
	}
	if at := strung.FindStringIndex(valid); at != nil {
		for _, v := range []string{"5.5", "[]", "{}", "true", `"\x"`, `"\u12"`, "\"" + strings.Repeat("a", 900_000)} {
			add("with a string that is none", valid[:at[0]+1]+v+valid[at[1]:])
		}
	}
	add("deep lists", strings.Repeat("[", 300_000))
	add("deep objects", strings.Repeat(`{"a":`, 100_000))
	add("deep where nobody looks", `{"x":`+strings.Repeat("[", 300_000)+strings.Repeat("]", 300_000)+","+fields+"}")
	add("too long", valid+strings.Repeat(" ", 33<<20))
	for _, kind := range []string{"", "text/plain", "text/html; charset=utf-8", "application/jsonp", "application/json, text/html", "application/x-protobuf", ";", "application/json/x", "\xff"} {
		all = append(all, post{"of type " + kind, kind, valid})
	}
	return all
}

// broken returns tasks that are none, beside those of malformed.
func broken() []post {
	img := picture()
	lit := func(s string) string { return `{"image": ` + strconv.Quote(s) + `}` }
	bomb := slices.Clone(img) // a picture of 65535 x 65535 in a few bytes
	at := bytes.Index(bomb, []byte{0xff, 0xc0})
	copy(bomb[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	var all []post
	add := func(name, kind string, body string) { all = append(all, post{name, kind, body}) }
	for i := range 5 {
		add("half a JPEG header", wire.JPEGType, string(img[:i*at/4]))
	}
	add("no JPEG", wire.JPEGType, "GIF89a")
	add("a JPEG that unfolds", wire.JPEGType, string(bomb))
	add("a JPEG that unfolds, as literal", wire.JSONType, lit(wire.FormatLiteral(bomb)))
	add("a JPEG too long", wire.JPEGType, string(img)+strings.Repeat("\x00", 17<<20))
	for _, s := range []string{"", "b", "b'", "b''", `b'\x'`, `b'\q'`, "__import__('os').system('id')", "b'a' + b'b'", "rb''", "b'é'", "b'''a'''", "(b'')", `b'\777'`} {
		add("no literal", wire.JSONType, lit(s))
	}
	add("neither image nor faces", wire.JSONType, "{}")
	add("boxes for other faces", wire.JSONType, `{"faces": [], "bbox": [[0,0,1,1]], "prob": [1]}`)
	add("faces without end", wire.JSONType, `{"faces": [`+strings.Repeat(`"",`, 5000)+`""]}`)
	add("an impossible confidence", wire.JSONType, `{"image": `+strconv.Quote(wire.FormatLiteral(img))+`, "bbox": [[0,0,1,1]], "prob": [2]}`)
	form := func(parts ...string) (kind, body string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i < len(parts); i += 2 {
			p, _ := w.CreateFormField(parts[i])
			_, _ = io.WriteString(p, parts[i+1])
		}
		w.Close()
		return w.FormDataContentType(), b.String()
	}
	ctx := func(name string, parts ...string) {
		kind, body := form(parts...)
		add(name, kind, body)
	}
	ctx("a form without parts")
	ctx("a form without image", "ctx", "{}")
	ctx("two images", "image", string(img), "image", string(img))
	ctx("a context that is none", "image", string(img), "ctx", "[")
	ctx("two contexts", "image", string(img), "ctx", "{}", "ctx", "{}")
	ctx("an image that is none", "image", "x")
	ctx("many parts", slices.Repeat([]string{"faces", string(img)}, 1100)...)
	kind, body := form("image", string(img))
	for i := range 5 {
		add("half a form", kind, body[:i*(len(body)-5)/4])
	}
	add("a form without boundary", "multipart/form-data", body)
	add("a form with another boundary", "multipart/form-data; boundary=x", body)
	add("a form of headers", "multipart/form-data; boundary=x", "--x\r\n"+strings.Repeat("a: b\r\n", 20_000))
	add("a form of one header", "multipart/form-data; boundary=x", "--x\r\na: "+strings.Repeat("b", 12<<20))
	return all
}

// TestMalformedBodies sends what is broken to every route that takes a body: each is refused by JSON of the
// right shape with a status of the table, none reaches the node, and none takes long.
func TestMalformedBodies(t *testing.T) {
	count := 0
	path := strings.NewReplacer("{id}", "GLOBAL_ID_7", "{service}", "face_detection")
	for _, r := range wire.Routes() {
		if r.Request == nil {
			continue
		}
		n := &servetest.Node{}
		s := server(t, r.Port, n, serve.Options{})
		all := malformed(valid[r.Path])
		if strings.HasPrefix(r.Path, "/execute_task") {
			all = slices.DeleteFunc(all, func(p post) bool { return p.name == "too long" }) // images are long
			all = append(all, broken()...)
		}
		for _, p := range all {
			count++
			start := time.Now()
			w := callPort(s, http.MethodPost, path.Replace(r.Path), p.kind, p.body)
			if w.Code/100 != 4 || !slices.Contains(r.Errors(), w.Code) {
				assert.Fail(t, "taken, or refused by a status that is not told", "%s %s: %d %s", r.Path, p.name, w.Code, w.Body)
			}
			refused(t, w, w.Code)
			assert.Less(t, w.Body.Len(), 4096, "an error is short")
			assert.Less(t, time.Since(start), 10*time.Second, "%s %s", r.Path, p.name)
		}
		asked, reached := n.Last()
		assert.Zero(t, reached, "%s reached the node: %v", r.Path, asked)
	}
	assert.Greater(t, count, 200)
	t.Logf("%d bodies", count)
}

// TestGarbageOnTheLine: what is no HTTP does not disturb who speaks it.
func TestGarbageOnTheLine(t *testing.T) {
	online(t, manager(&servetest.Node{}), serve.Options{}, func(t *testing.T, l *line) {
		head := "POST /query/submit_query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
		for _, text := range []string{
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("A", 1<<20),
			"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n",
			"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + strings.Repeat("a: b\r\n", 100_000), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "GET http://192.0.2.1/healthz HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n",
			head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 99999999999999999999\r\n\r\n", head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nx",
			head + "Content-Length: 5\r\n\r\n{", head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", head + "Transfer-Encoding: gzip\r\n\r\n",
		} {
			c := l.conn()
			go func() {
				_, _ = io.WriteString(c, text)
				time.Sleep(time.Second)
				c.Close()
			}()
			b, _ := io.ReadAll(io.LimitReader(c, 1<<20))
			assert.NotContains(t, string(b), "<", "no page of HTML")
			assert.NotContains(t, string(b), "goroutine")
			assert.NotContains(t, string(b), " 200 OK\r\nContent-Type")
			c.Close()
			require.Equal(t, 200, l.get("/healthz").code, "%.40q", text)
		}
		time.Sleep(time.Minute)
	})
}

// answered checks that an answer is JSON or a form, and no fault of the node's.
func answered(t *testing.T, code int, kind string, body []byte) {
	if code/100 == 4 {
		type told struct {
			Status int    `json:"status"`
			Error  string `json:"error"`
		}
		b, err := wire.Decode[told](body)
		if err != nil || b.Status == 0 || b.Error == "" {
			t.Fatalf("%d %s", code, body)
		}
		return
	}
	if code != 200 || !strings.HasPrefix(kind, wire.JSONType) && !strings.HasPrefix(kind, wire.FormType) {
		t.Fatalf("%d %s %s", code, kind, body)
	}
}

// posts are the routes with a JSON body.
func posts() []wire.Route {
	return slices.DeleteFunc(wire.Routes(), func(r wire.Route) bool { return r.Request == nil || strings.HasPrefix(r.Path, "/execute_task") })
}

func FuzzControl(f *testing.F) {
	routes := posts()
	for i, r := range routes {
		f.Add(uint8(i), wire.JSONType, []byte(valid[r.Path]))
		for _, p := range malformed(valid[r.Path]) {
			if len(p.body) < 4096 {
				f.Add(uint8(i), p.kind, []byte(p.body))
			}
		}
	}
	servers := map[wire.Port]*serve.Server{}
	for _, p := range wire.Ports() {
		servers[p] = server(f, p, &servetest.Node{}, serve.Options{})
	}
	f.Fuzz(func(t *testing.T, route uint8, kind string, body []byte) {
		r := routes[int(route)%len(routes)]
		w := callPort(servers[r.Port], http.MethodPost, strings.Replace(r.Path, "{id}", "GLOBAL_ID_7", 1), kind, string(body))
		answered(t, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes())
	})
}

func FuzzTask(f *testing.F) {
	f.Add("image/jpeg", "1", "face/7/4/0/0", picture())
	f.Add(wire.JSONType, "", "", []byte(valid["/execute_task/{service}"]))
	for _, p := range broken() {
		if len(p.body) < 4096 {
			f.Add(p.kind, "0", "", []byte(p.body))
		}
	}
	s := server(f, wire.PortServices, &servetest.Node{}, serve.Options{})
	f.Fuzz(func(t *testing.T, kind, crops, frame string, body []byte) {
		w := callPort(s, http.MethodPost, "/execute_task/face_detection", kind, string(body), func(r *http.Request) {
			r.URL.RawQuery = "crops=" + crops
			if frame != "" {
				r.Header[wire.FrameHeader], r.Header[wire.CapturedHeader] = []string{frame}, []string{"5"}
			}
		})
		answered(t, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes())
	})
}

func FuzzAsking(f *testing.F) {
	for _, r := range wire.Routes() {
		f.Add(uint16(r.Port), r.Method, strings.Replace(r.Path, "{id}", "GLOBAL_ID_7", 1), "after=GLOBAL_ID_1&limit=5", "127.0.0.1", "", "")
	}
	f.Add(uint16(5000), "PUT", "/a/../b//c/%2e", "%", "evil.example", "http://evil.example", "Bearer x")
	servers := map[wire.Port]*serve.Server{}
	for _, p := range wire.Ports() {
		servers[p] = server(f, p, &servetest.Node{}, serve.Options{Access: serve.Access{Tokens: serve.Tokens{User: userToken}, Origins: []string{"http://localhost:3000"}}})
	}
	f.Fuzz(func(t *testing.T, port uint16, method, path, query, name, origin, token string) {
		s := servers[wire.Ports()[int(port)%5]]
		w := callPort(s, http.MethodGet, "/", "", "", func(r *http.Request) {
			r.Method, r.URL.Path, r.URL.RawQuery, r.Host = method, path, query, name
			r.Header["Origin"], r.Header["Authorization"] = []string{origin}, []string{token}
			if token == "" {
				r.Header.Del("Authorization")
			}
		}, at("127.0.0.1:5000"), ended)
		if w.Code == 200 && strings.HasPrefix(path, "/user/video/") || w.Code == http.StatusNoContent {
			return
		}
		answered(t, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes())
	})
}

// photo returns a JPEG of about so many bytes.
func photo(t testing.TB, size int) []byte {
	for side := 32; ; side += 8 {
		m := image.NewGray(image.Rect(0, 0, side, side))
		for i := range m.Pix {
			m.Pix[i] = byte(i * i * 2654435761 >> 7)
		}
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
		if b.Len() >= size {
			return b.Bytes()
		}
	}
}
