package vacant

import (
	"net"
	"testing"
)

func TestAddr(t *testing.T) {
	given := map[string]bool{}
	for range 100 {
		a, err := Addr()
		if err != nil {
			t.Fatal(err)
		}
		if given[a] {
			t.Errorf("%s is given twice", a)
		}
		given[a] = true
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if isFree(a) {
			t.Errorf("%s is said to be free, while somebody listens", a)
		}
	}
}
