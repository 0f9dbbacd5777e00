package drain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Log is what the drain needs of a journal.
type Log interface {
	// Read returns records from a position on, at least one and at most about
	// maxRecords and maxBytes. It waits until there is one or ctx ends.
	Read(ctx context.Context, from ingest.Position, maxRecords int, maxBytes int64) ([]ingest.Record, error)
	// Commit makes durable that everything before upTo is dealt with.
	Commit(ctx context.Context, upTo ingest.Position) error
	Committed() ingest.Position
}

// Deduper is the memory of which events are known. Claims may be repeated: the
// same delivery gets the same answers. It returns ingest.ErrEmpty (wrapped) if
// it must be rebuilt first. Claim must not keep the events.
type Deduper interface {
	Claim(ctx context.Context, events []ingest.Event) ([]ingest.Claim, error)
}

// Sink is the store. Write returns nil when the whole batch is durable, an
// *ingest.RejectedError if some row of it will never be taken, and any other
// error if the batch may be tried again. A batch that comes again under the
// same ID is the same batch. Write must not change the batch nor keep it.
type Sink interface {
	Write(ctx context.Context, batch ingest.Batch) error
}

// Replays knows what stored deliveries meant before they were replayed.
type Replays interface {
	// Supersede makes the deduper forget that events which these deliveries
	// meant, and do not mean any more, hold their persons' windows. Events are
	// those that they mean now. It returns the verdicts in the store, by
	// delivery id. It may be repeated.
	Supersede(ctx context.Context, deliveries []*ingest.Delivery, events []ingest.Event) (map[string]ingest.Verdict, error)
}

// Stage names what failed and is tried again.
type Stage string

// The stages.
const (
	JournalStage  Stage = "journal"  // reading and committing
	DedupeStage   Stage = "dedupe"   // claiming, and rebuilding what claims need
	ManifestStage Stage = "manifest" // freezing the batch in Dir
	SinkStage     Stage = "sink"     // writing to the store
	PendingStage  Stage = "pending"  // keeping what must still be asked for
)

// Options sets a Drain up. Log, Intakes, Deduper, Rebuild, Sink and Dir are
// needed; zero values of the rest mean the defaults.
type Options struct {
	Log     Log
	Intakes map[string]*ingest.Intake
	Deduper Deduper
	// Rebuild fills the deduper from the store. It is called when a claim says
	// ErrEmpty, while no batch is unwritten: never beside Sink.Write.
	Rebuild func(ctx context.Context) error
	Sink    Sink
	// Join begins batches that are written together, of which the first has that
	// id, and ctx is ended if a step takes longer than WriteTimeout. Its errors are
	// the Sink's. Nil: each batch is written for itself.
	Join func(ctx context.Context, id string) (Joined, error)
	// Replays is asked about replayed deliveries, never beside Sink.Write; nil
	// where there are none.
	Replays Replays
	// Pending makes durable what must still be asked for to know the whole of
	// these events. It is called after they are in the store and before they are
	// committed, so after a crash it may be called with the same ones again. Nil
	// where nothing is asked for.
	Pending func(ctx context.Context, events []ingest.Event) error
	// DecodeTimeout bounds the decoding of one delivery: 10 s. One that takes
	// longer is quarantined, and its decoder abandoned: it cannot be stopped.
	// MaxStuck (4) of one source may be so; while they are, the source's
	// deliveries are quarantined without being decoded.
	DecodeTimeout time.Duration
	MaxStuck      int
	// Dir holds the manifest of the batch in flight, and what no store would
	// take. It belongs to this drain alone.
	Dir string

	// Backlog tells where the journal ends and when its oldest uncommitted
	// record came in, zero if there is none. WaitIdle and Stat need it.
	Backlog func() (end ingest.Position, oldest time.Time)
	// BacklogBytes is how much that is, for the log; nil if nobody knows.
	BacklogBytes func() int64

	// FlushInterval is for how long a batch that is not full waits for more
	// after its first record: 200 ms.
	FlushInterval time.Duration
	// BatchBytes bounds the deliveries of a batch, 512 KiB; a single one may be
	// larger. Two batches are in memory at a time, where a delivery takes five times
	// its record.
	BatchBytes int64
	// MaxRows bounds the events of a batch, and of batches that are written together
	// as long as there is a backlog, 50,000. MaxBytes bounds the deliveries of these,
	// 64 MiB; in memory is only what the manifest says of them.
	MaxRows  int
	MaxBytes int64
	// ClaimTimeout (30 s) and WriteTimeout (2 min) bound one attempt.
	ClaimTimeout, WriteTimeout time.Duration
	// BackoffMin (100 ms) doubles up to BackoffMax (15 s) between attempts; the
	// wait is between half of that and the whole, by Jitter in [0, 1).
	BackoffMin, BackoffMax time.Duration
	Jitter                 func() float64
	// StopTimeout is how long the batch in flight may take to finish after
	// Run's context ended: 10 s. Negative: no time at all.
	StopTimeout time.Duration

	// OnBatch is called after a batch was committed, with what was written of it.
	OnBatch func(batch Tally, took time.Duration)
	// OnRetry is called for every failed attempt that will be repeated, by several
	// goroutines.
	OnRetry func(stage Stage, err error)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Drain is the one reader of a journal that commits. Its methods are safe for
// concurrent use, but only one Run may be under way.
type Drain struct {
	opts     Options
	logger   *slog.Logger
	manifest manifestFile
	decoders ingest.Decoders
	running  atomic.Bool
	// turn holds one value while somebody decodes or hands joined batches on: new
	// deliveries are to find a processor.
	turn chan struct{}

	mu                 sync.Mutex
	stat               Stat
	failing            map[Stage]failure
	preparing, writing underWay
	changed            chan struct{} // closed after every commit
}

// New returns a drain. It makes Dir if it is not there. It does nothing before
// Run.
func New(opts Options) (*Drain, error) {
	if opts.Log == nil || opts.Deduper == nil || opts.Rebuild == nil || opts.Sink == nil || opts.Dir == "" {
		return nil, errors.New("drain: a journal, a deduper, its rebuild, a sink and a directory are needed")
	}
	setDefaults(&opts)
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the drain's directory: %w", err)
	}
	d := &Drain{opts: opts, logger: opts.Logger, failing: make(map[Stage]failure), changed: make(chan struct{}), turn: make(chan struct{}, 1)}
	d.manifest = manifestFile{dir: opts.Dir}
	d.decoders.Limit, d.decoders.MaxStuck = opts.DecodeTimeout, opts.MaxStuck
	d.decoders.OnStuck = func(source string, stuck int) {
		if stuck >= opts.MaxStuck {
			d.logger.Error("too many decoders of a source hang: its deliveries are quarantined without being decoded; "+
				"mend the decoder, restart, and replay them (leadgate quarantine replay)", "source", source, "stuck", stuck)
		}
	}
	return d, nil
}

func setDefaults(o *Options) {
	setDefault(&o.FlushInterval, 200*time.Millisecond)
	setDefault(&o.ClaimTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 2*time.Minute)
	setDefault(&o.BackoffMin, 100*time.Millisecond)
	setDefault(&o.BackoffMax, 15*time.Second)
	setDefault(&o.DecodeTimeout, 10*time.Second)
	setDefault(&o.MaxStuck, 4)
	setDefault(&o.MaxRows, 50_000)
	setDefault(&o.BatchBytes, 512<<10)
	setDefault(&o.MaxBytes, 64<<20)
	if o.StopTimeout == 0 {
		o.StopTimeout = 10 * time.Second
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T int | int64 | time.Duration](value *T, without T) {
	if *value <= 0 {
		*value = without
	}
}

// errStopped ends a Run whose context ended.
var errStopped = errors.New("drain stopped")

// Run drains until ctx ends: then it finishes the batch in flight, if that
// works at the first attempt and within StopTimeout, and returns nil. What is
// not committed by then stays in the journal for the next Run. Failures of
// Redis and the store are retried for ever and never end it; a closed journal
// does.
func (d *Drain) Run(ctx context.Context) error {
	if !d.running.CompareAndSwap(false, true) {
		return errors.New("drain: running already")
	}
	defer d.running.Store(false)

	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	deadline := time.AfterFunc(time.Hour, cancel)
	deadline.Stop()
	defer deadline.Stop()
	defer context.AfterFunc(ctx, func() { deadline.Reset(max(0, d.opts.StopTimeout)) })()

	telling, quiet := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { d.tellHeldUp(telling) })
	defer teller.Wait()
	defer quiet()

	err := d.run(ctx, work)
	if errors.Is(err, errStopped) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// run works until stop ends; what is begun to be written may go on until work
// ends.
func (d *Drain) run(stop, work context.Context) error {
	for {
		if err := d.resume(stop, work); err != nil {
			return err
		}
		if err := d.advance(stop, work); !errors.Is(err, errApart) {
			return err
		}
	}
}

// advance drains from the last commit on. While a batch is written, the next one
// is prepared.
func (d *Drain) advance(stop, work context.Context) error {
	ahead, cancel := context.WithCancel(stop)
	chunks, ready := make(chan chunk, chunksAhead), make(chan *batch)
	failed := make(chan error, 2)
	var helpers sync.WaitGroup
	var end *ending // of what was joined last
	defer func() {
		cancel()
		helpers.Wait()
		_ = end.wait() // what it says is in the manifest
		d.note(func(*Stat) { d.preparing = underWay{} })
	}()
	from := d.opts.Log.Committed()
	helpers.Go(func() { failed <- d.read(ahead, from, chunks) })
	helpers.Go(func() { failed <- d.prepare(ahead, chunks, ready) })
	for {
		select {
		case b := <-ready:
			for b != nil {
				if stop.Err() != nil {
					return errStopped
				}
				var err error
				if b, end, err = d.settle(stop, work, b, ready, end); err != nil {
					return err
				}
			}
		case <-end.ended():
			if end.err != nil {
				return end.err
			}
			end = nil
		case err := <-failed:
			return err
		case <-stop.Done():
			return errStopped
		}
	}
}

// settle takes a prepared batch the rest of the way, with those after it if they
// join it, behind what ends. It returns one that was prepared and did not, and
// what ends now.
func (d *Drain) settle(stop, work context.Context, b *batch, ready <-chan *batch, end *ending) (*batch, *ending, error) {
	if d.joins(b) {
		return d.join(stop, work, b, ready, end)
	}
	if err := end.wait(); err != nil {
		return nil, nil, err
	}
	if err := d.freeze(stop, work, b.payload); err != nil {
		return nil, nil, err
	}
	if err := d.finish(stop, work, b); err != nil {
		return nil, nil, err
	}
	d.unfreeze()
	close(b.taken)
	close(b.settled)
	return nil, nil, nil
}

// freeze makes these the batches in flight, durably.
func (d *Drain) freeze(stop, work context.Context, payloads ...[]byte) error {
	return d.retry(stop, work, ManifestStage, 0, func(context.Context) error { return d.manifest.save(payloads...) })
}

// unfreeze forgets the batches in flight once they are committed.
func (d *Drain) unfreeze() {
	if err := d.manifest.remove(); err != nil { // the next one replaces it
		d.logger.Warn("the manifest of a committed batch stays", "err", err)
	}
}

// finish writes and commits a frozen batch.
func (d *Drain) finish(stop, work context.Context, b *batch) error {
	d.note(func(*Stat) { d.writing = b.underWay() })
	rows, err := d.deliver(stop, work, b.id, b.items)
	if err != nil {
		return err
	}
	w := newWritten(b)
	w.add(b, &rows)
	return d.commit(stop, work, &w)
}

// commit is the end of what is in the store.
func (d *Drain) commit(stop, work context.Context, w *written) error {
	if err := d.keepPending(stop, work, w.asks); err != nil {
		return err
	}
	err := d.retry(stop, work, JournalStage, 0, func(ctx context.Context) error { return d.opts.Log.Commit(ctx, w.to) })
	if err != nil {
		return err
	}
	now := d.opts.Now()
	d.note(func(s *Stat) {
		d.writing, s.LastBatch = underWay{}, now
		s.Batches++
		s.Deliveries += uint64(w.records)
		s.Events += uint64(w.Events)
		for i := range w.Deliveries {
			if w.Deliveries[i].Verdict == ingest.Quarantined {
				s.Quarantined++
			}
		}
	})
	d.announce()
	if d.opts.OnBatch != nil {
		d.opts.OnBatch(w.Tally, now.Sub(w.started))
	}
	return nil
}
