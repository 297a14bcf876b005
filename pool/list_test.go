package pool

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// card is an element of two lists at a time, as requests and workers are.
type card struct {
	n    int
	a, b node[card]
}

// TestListAgainstSlice plays random operations on a list and on a slice.
func TestListAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cards := make([]card, 8)
	for i := range cards {
		cards[i].n = i
	}
	var l, other list[card]
	var want []int
	for range 5000 {
		c := &cards[rng.IntN(len(cards))]
		was := slices.Index(want, c.n)
		if was >= 0 {
			want = slices.Delete(want, was, was+1)
		}
		switch rng.IntN(4) {
		case 0:
			l.pushFront(&c.a, c)
			want = slices.Insert(want, 0, c.n)
		case 1:
			l.pushBack(&c.a, c)
			want = append(want, c.n)
		case 2:
			other.pushBack(&c.a, c) // moves it from l
		case 3:
			c.a.leave()
		}
		other.pushFront(&c.b, c) // its other node changes nothing in l
		checkList(t, &l, func(c *card) *node[card] { return &c.a }, want)
	}
}

// checkList compares l, walked in both directions, with want.
func checkList(t *testing.T, l *list[card], at func(*card) *node[card], want []int) {
	t.Helper()
	var forth, back []int
	for c := l.first(); c != nil; c = at(c).after() {
		forth = append(forth, c.n)
	}
	for c := l.last(); c != nil; c = at(c).before() {
		back = append(back, c.n)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, want) || !slices.Equal(back, want) || l.len != len(want) {
		t.Fatalf("forth %v, back %v, len %d; want %v", forth, back, l.len, want)
	}
}
