package kb_test

import (
	"fmt"
	"os"
	"strings"

	"vidq/core"
	"vidq/kb"
)

func ExampleOpen() {
	belief, _ := kb.Open("original", kb.Options{})
	truth, _ := kb.Open("tx2-rack", kb.Options{})
	at := core.Target{Class: "tx2-gpu", Role: core.RoleHost}
	for _, set := range []*kb.Set{belief, truth} {
		w, _ := set.Work("face_detection", 0, at, core.Resolution{Width: 1920, Height: 1080}, 12)
		fmt.Printf("%-8s %.3f s\n", set.Name(), w.Mean.Seconds())
	}
	// Output:
	// original 1.157 s
	// tx2-rack 0.081 s
}

func ExampleSet_Accuracy() {
	s, _ := kb.Open("measured", kb.Options{})
	q := &core.Query{Pipeline: core.Linear("pedestrian_detection")}
	for _, class := range []string{"pedestrians", "ar"} {
		for _, fps := range []float64{30, 1} {
			v := core.VideoConf{Resolution: core.Resolution{Width: 1280, Height: 720}, FPS: fps, Encoder: "h264", Quality: 20}
			fmt.Printf("%-11s %2.0f fps: %.2f\n", class, fps, s.Accuracy(q, 30, v, []int{0}, core.Content{Class: class}))
		}
	}
	// Output:
	// pedestrians 30 fps: 0.84
	// pedestrians  1 fps: 0.73
	// ar          30 fps: 0.89
	// ar           1 fps: 0.38
}

func ExampleImportNetwork() {
	log := "0.0\t2.5\n1.0\t0.5\n"
	if err := kb.ImportNetwork(os.Stdout, strings.NewReader(log), "bus.log", ""); err != nil {
		fmt.Println(err)
	}
	// Output:
	// # vidq network: length_s=2
	// t_s,rate_bps
	// 0.000000,2500000
	// 1.000000,500000
}

func ExampleOpenContent() {
	c, _ := kb.OpenContent("classroom", "", 30, 1, "classroom")
	first, last := c.Scene(0), c.Scene(5000)
	fmt.Println(first.Class, first.Objects < 9, last.Objects > 16)
	// Output: faces true true
}
