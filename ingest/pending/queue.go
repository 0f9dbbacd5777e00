package pending

import "container/heap"

// entry is where a task's latest state stands, and its place in the schedule.
type entry struct {
	id         string
	lane       *lane
	at         int64 // in the file
	length     int
	due, saved int64 // microseconds since 1970
	serial     uint64
	taken      bool
	index      int // in the queue, -1 if it is not in it
}

// lane is the schedule of one source.
type lane struct {
	queue queue
	count int
	wake  chan struct{} // holds one: there is something new
}

// order puts e where it belongs.
func (l *lane) order(e *entry) {
	if e.index >= 0 {
		heap.Fix(&l.queue, e.index)
		return
	}
	heap.Push(&l.queue, e)
}

func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// queue implements heap.Interface: what is due first stands first.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	e.index = -1
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
