package pool

// A list is an intrusive doubly linked list: its elements embed the nodes that
// link them, so that adding and removing an element costs a few pointer writes
// and never an allocation. The zero list is empty.
type list[T any] struct {
	front, back *node[T]
	len         int
}

// A node is an element's place in one list. The zero node is in none.
type node[T any] struct {
	prev, next *node[T]
	in         *list[T]
	of         *T
}

// first returns the element at the front, or nil.
func (l *list[T]) first() *T {
	if l.front == nil {
		return nil
	}
	return l.front.of
}

// last returns the element at the back, or nil.
func (l *list[T]) last() *T {
	if l.back == nil {
		return nil
	}
	return l.back.of
}

// pushFront makes e, whose node is n, the first element. A node that is still
// in a list leaves it first.
func (l *list[T]) pushFront(n *node[T], e *T) {
	n.leave()
	n.in, n.of, n.next = l, e, l.front
	if l.front != nil {
		l.front.prev = n
	} else {
		l.back = n
	}
	l.front = n
	l.len++
}

// pushBack makes e, whose node is n, the last element. A node that is still in
// a list leaves it first.
func (l *list[T]) pushBack(n *node[T], e *T) {
	n.leave()
	n.in, n.of, n.prev = l, e, l.back
	if l.back != nil {
		l.back.next = n
	} else {
		l.front = n
	}
	l.back = n
	l.len++
}

// leave takes the node out of its list, if it is in one.
func (n *node[T]) leave() {
	l := n.in
	if l == nil {
		return
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.front = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.back = n.prev
	}
	l.len--
	n.prev, n.next, n.in = nil, nil, nil
}

// after returns the next element of the list, or nil.
func (n *node[T]) after() *T {
	if n.next == nil {
		return nil
	}
	return n.next.of
}

// before returns the previous element of the list, or nil.
func (n *node[T]) before() *T {
	if n.prev == nil {
		return nil
	}
	return n.prev.of
}
