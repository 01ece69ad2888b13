package coretest
import ("testing";"fmt";"os";"strconv")
func TestDbg(t *testing.T) {
	if os.Getenv("DBG") == "" { t.Skip() }
	n, _ := strconv.ParseUint(os.Getenv("DBG"), 10, 64)
	c := newChaos(n)
	c.quiet = false
	for _, w := range []string{"wake","stage","frame","invoke","capture","release"} { c.hide[w]=true }
	for range 400 { c.disturb() }
	fmt.Fprintln(&c.out, "HEAL")
	c.heal()
	fmt.Println(c.out.String(), c.check.Err())
}
