package drain

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Joined are batches on their way into the store together, to which it is as one.
type Joined interface {
	// Append adds a batch. Nothing of it is in the store before Commit. It must
	// not change the batch nor keep it.
	Append(batch ingest.Batch) error
	// Commit returns nil when all that was appended is durable. After an error
	// some of it may be.
	Commit() error
	// Abort gives up what was not committed. After Commit it does nothing.
	Abort()
}

// errApart says that batches which were to be written together are not, and
// stand in the manifest.
var errApart = errors.New("joined batches failed")

const (
	// joinWait is how long joined batches wait for the next one.
	joinWait = time.Second
	// joinIntervals is for how many of Options.FlushInterval batches are joined
	// though there is no backlog, only much coming in.
	joinIntervals = 5
)

// joins tells whether others may be written together with a batch: there is more
// behind it, or soon will be.
func (d *Drain) joins(b *batch) bool {
	return d.opts.Join != nil && (b.more || b.full) && b.rows() < d.opts.MaxRows && b.size() < d.opts.MaxBytes && joinable(b)
}

// joinable tells whether nothing of a batch needs the store's answer, or has no
// place there.
func joinable(b *batch) bool {
	return !slices.ContainsFunc(b.items, func(it item) bool { return it.delivery == nil || it.delivery.Replay > 0 })
}

// join writes a prepared batch and those that come after it together: a store
// takes few large batches for a fraction of what many small ones cost it. Each is
// handed on as it comes, and only what the manifest says of it is kept. It
// returns a batch that was prepared and is not among them, if there is one, and
// how they end: beside that, the next ones may be handed on. If anything fails,
// all of them are tried again one by one, see resume.
func (d *Drain) join(stop, work context.Context, b *batch, ready <-chan *batch, before *ending) (rest *batch, end *ending, err error) {
	ctx, cancel := context.WithCancel(work)
	j := joined{written: newWritten(b), cancel: cancel, limit: time.AfterFunc(d.opts.WriteTimeout, cancel)} // for one step
	j.into, err = d.opts.Join(ctx, b.id)
	for last := b; ; last = rest {
		j.add(last)
		d.note(func(*Stat) { d.writing = j.under })
		if err == nil {
			err = d.handOn(&j, last)
		}
		close(last.taken)
		j.limit.Reset(d.opts.WriteTimeout)
		if rest = nil; err != nil || !d.goesOn(&j, last) {
			break
		}
		rest = next(stop, last, ready)
		if rest == nil || !d.mayFollow(&j, rest) {
			break
		}
	}
	failed := before.wait() // its manifest is in the way, and it comes first
	if failed == nil {
		failed = d.freeze(stop, work, j.payloads...)
	}
	if failed == nil && err != nil {
		failed = d.apart(stop, work, err)
	}
	if failed != nil {
		j.close()
		return nil, nil, failed
	}
	end = &ending{done: make(chan struct{})}
	go func() {
		defer close(end.done)
		defer j.close()
		end.err = d.end(stop, work, &j)
	}()
	return rest, end, nil
}

// handOn gives the store a batch of those that are written together.
func (d *Drain) handOn(j *joined, b *batch) error {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	rows := rowsOf(b.id, b.items)
	j.written.add(b, &rows)
	return j.into.Append(rows)
}

// end writes and commits frozen batches that were handed on.
func (d *Drain) end(stop, work context.Context, j *joined) error {
	j.limit.Reset(d.opts.WriteTimeout)
	if err := j.into.Commit(); err != nil {
		return d.apart(stop, work, err)
	}
	if err := d.commit(stop, work, &j.written); err != nil {
		return err
	}
	d.unfreeze()
	for _, settled := range j.settled {
		close(settled)
	}
	return nil
}

// ending is the end of batches that were written together.
type ending struct {
	done chan struct{}
	err  error // once done
}

// ended is closed when it is done; without one, it is never ready.
func (e *ending) ended() <-chan struct{} {
	if e == nil {
		return nil
	}
	return e.done
}

// wait returns how it went; without one, nothing is waited for.
func (e *ending) wait() error {
	if e == nil {
		return nil
	}
	<-e.done
	return e.err
}

// goesOn tells whether another batch is waited for: as long as there is a backlog,
// or for a while if much comes in.
func (d *Drain) goesOn(j *joined, last *batch) bool {
	early := d.opts.Now().Sub(j.written.started) < joinIntervals*d.opts.FlushInterval
	return (last.more || last.full && early) && j.rows < d.opts.MaxRows && j.size < d.opts.MaxBytes
}

// mayFollow tells whether a batch still fits.
func (d *Drain) mayFollow(j *joined, b *batch) bool {
	return joinable(b) && j.rows+b.rows() <= d.opts.MaxRows && j.size+b.size() <= d.opts.MaxBytes
}

// next waits for the batch after last, unless that waits for last itself.
func next(stop context.Context, last *batch, ready <-chan *batch) *batch {
	wait := time.NewTimer(joinWait)
	defer wait.Stop()
	select {
	case b := <-ready:
		return b
	case <-last.awaited:
	case <-wait.C:
	case <-stop.Done():
	}
	return nil
}

// apart says what became of joined batches that failed.
func (d *Drain) apart(stop, work context.Context, err error) error {
	if work.Err() != nil || stop.Err() != nil && errors.Is(err, context.Canceled) {
		return errStopped
	}
	d.logger.Warn("batches that were written together failed; they are tried again one by one", "err", redactError(err))
	var rejected *ingest.RejectedError
	if d.opts.OnRetry != nil && !errors.As(err, &rejected) {
		d.opts.OnRetry(SinkStage, err)
	}
	return errApart
}

// joined is what is kept of batches that are written together.
type joined struct {
	into     Joined
	cancel   context.CancelFunc
	limit    *time.Timer
	payloads [][]byte
	settled  []chan struct{}
	rows     int
	size     int64
	under    underWay
	written  written
}

func (j *joined) add(b *batch) {
	if j.payloads == nil {
		j.under.oldest = b.oldest()
	}
	j.payloads, j.settled = append(j.payloads, b.payload), append(j.settled, b.settled)
	j.rows += b.rows()
	j.size += b.size()
	j.under.deliveries += len(b.items)
}

// close gives up what was not committed.
func (j *joined) close() {
	if j.into != nil {
		j.into.Abort()
	}
	j.limit.Stop()
	j.cancel()
}
