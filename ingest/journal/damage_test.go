package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// The log that the damage below is done to: 35 records of equal size, ten to a
// segment, five in the last one, of which the first three are committed.
const (
	evenFrame   = 100
	evenSegment = headerSize + 10*evenFrame
	evenRecords = 35
)

func even(i int) []byte {
	record := bytes.Repeat([]byte{'.'}, evenFrame-frameSize)
	copy(record, payload(i)[:7])
	return record
}

func evenAt(i int) int64 { return headerSize + int64(i)*evenFrame }

func evenOptions(dir string) Options {
	return Options{Dir: dir, SegmentBytes: evenSegment, Retention: time.Hour}
}

func makeEven(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l := mustOpen(t, evenOptions(dir))
	for i := range evenRecords {
		mustAppend(t, l, even(i))
	}
	if err := l.Commit(t.Context(), ingest.Position{Segment: 1, Offset: evenAt(3)}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	return dir
}

// edit changes a file's bytes.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(at int64) func([]byte) []byte {
	return func(text []byte) []byte { text[at] ^= 0x10; return text }
}

func cutTo(n int64) func([]byte) []byte { return func(text []byte) []byte { return text[:n] } }

func zero(from, to int64) func([]byte) []byte {
	return func(text []byte) []byte { clear(text[from:to]); return text }
}

func without(numbers ...int) []int {
	var rest []int
	for i := 3; i < evenRecords; i++ {
		if !slices.Contains(numbers, i) {
			rest = append(rest, i)
		}
	}
	return rest
}

// damages are named after what happens to the disk; want are the records that
// a reader still gets, places how many damaged places it reports.
var damages = []struct {
	name   string
	do     func(t *testing.T, dir string)
	want   []int
	places uint64
	torn   int64 // bytes put aside
}{
	{name: "none", do: func(t *testing.T, dir string) {}, want: without()},
	{name: "torn tail: half a record", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), cutTo(evenAt(4)+50))
	}, want: without(34), torn: 50},
	{name: "torn tail: half a frame header", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), cutTo(evenAt(4)+7))
	}, want: without(34), torn: 7},
	{name: "torn tail: zeros behind the last record", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), func(text []byte) []byte { return append(text, make([]byte, 5000)...) })
	}, want: without(), torn: 5000},
	{name: "torn tail: rubbish behind the last record", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), func(text []byte) []byte { return append(text, "rubbish"...) })
	}, want: without(), torn: 7},
	{name: "tail cut between records", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), cutTo(evenAt(3)))
	}, want: without(33, 34)},
	{name: "bit flip in the last record", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), flip(evenAt(4)+60))
	}, want: without(34), torn: evenFrame},
	{name: "bit flip in the last segment, records behind it", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), flip(evenAt(1)+60))
	}, want: without(31), places: 1},
	{name: "bit flip and torn tail in the last segment", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), flip(evenAt(1)+60))
		edit(t, segmentPath(dir, 4), cutTo(evenAt(4)+50))
	}, want: without(31, 34), places: 1, torn: 50},
	{name: "bit flip in a sealed segment: payload", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(evenAt(5)+60))
	}, want: without(15), places: 1},
	{name: "bit flip in a sealed segment: length", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(evenAt(5)+10))
	}, want: without(15), places: 1},
	{name: "bit flip in a sealed segment: marker", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(evenAt(5)))
	}, want: without(15), places: 1},
	{name: "bit flip in a sealed segment: time", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(evenAt(5)+15))
	}, want: without(15), places: 1},
	{name: "bit flips in two sealed segments", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(evenAt(0)+60))
		edit(t, segmentPath(dir, 2), flip(evenAt(9)+60))
		edit(t, segmentPath(dir, 3), flip(evenAt(4)+60))
	}, want: without(10, 19, 24), places: 3},
	{name: "bit flip before the commit pointer", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 1), flip(evenAt(1)+60))
	}, want: without()}, // never read again
	{name: "sealed segment cut short", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), cutTo(evenAt(6)+30))
	}, want: without(16, 17, 18, 19), places: 1},
	{name: "zeroed page in a sealed segment", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), zero(evenAt(3)+11, evenAt(6)+1))
	}, want: without(13, 14, 15, 16), places: 1},
	{name: "zeroed first page of a sealed segment", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), zero(0, 512))
	}, want: without(10, 11, 12, 13, 14), places: 2}, // header, records
	{name: "sealed segment all zeros", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), zero(0, evenSegment))
	}, want: without(span(10, 20)...), places: 2},
	{name: "page written to the wrong place", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), func(text []byte) []byte {
			copy(text[evenAt(4):], text[evenAt(2):evenAt(3)])
			return text
		})
	}, want: without(14), places: 1},
	{name: "sealed segment swapped for another one", do: func(t *testing.T, dir string) {
		text, err := os.ReadFile(segmentPath(dir, 3))
		if err != nil {
			t.Fatal(err)
		}
		edit(t, segmentPath(dir, 2), func([]byte) []byte { return text })
	}, want: without(span(10, 20)...), places: 2},
	{name: "bit flip in a sealed segment's header", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), flip(17))
	}, want: without(), places: 1},
	{name: "sealed segment cut inside its header", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 2), cutTo(10))
	}, want: without(span(10, 20)...), places: 1},
	{name: "last segment cut inside its header", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), cutTo(10))
	}, want: without(span(30, 35)...)}, // as after a crash while it was made
	{name: "last segment empty", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), cutTo(0))
	}, want: without(span(30, 35)...)},
	{name: "bit flip in the last segment's header", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), flip(17))
	}, want: without(), places: 1},
	{name: "last segment all zeros", do: func(t *testing.T, dir string) {
		edit(t, segmentPath(dir, 4), zero(0, evenAt(5)))
	}, want: without(span(30, 35)...), places: 2},
	{name: "missing segment", do: func(t *testing.T, dir string) { remove(t, segmentPath(dir, 2)) },
		want: without(span(10, 20)...), places: 1},
	{name: "missing segments in a row", do: func(t *testing.T, dir string) {
		remove(t, segmentPath(dir, 2))
		remove(t, segmentPath(dir, 3))
	}, want: without(span(10, 30)...), places: 1},
	{name: "missing first segment", do: func(t *testing.T, dir string) { remove(t, segmentPath(dir, 1)) },
		want: without(span(3, 10)...), places: 1},
	{name: "missing last segment", do: func(t *testing.T, dir string) { remove(t, segmentPath(dir, 4)) },
		want: without(span(30, 35)...)}, // nothing tells that it ever was
	{name: "segment that is a directory entry of somebody else", do: func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "notes.seg"), []byte("?"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, want: without()},
	{name: "commit pointer: garbage", do: func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, pointerName), func([]byte) []byte { return []byte("garbage") })
	}, want: span(0, evenRecords)},
	{name: "commit pointer: empty", do: func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, pointerName), cutTo(0))
	}, want: span(0, evenRecords)},
	{name: "commit pointer: missing", do: func(t *testing.T, dir string) { remove(t, filepath.Join(dir, pointerName)) },
		want: span(0, evenRecords)},
	{name: "commit pointer: newer slot torn", do: func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, pointerName), zero(20, slotSize)) // sequence 2 is in the first
	}, want: span(0, evenRecords)}, // the older slot stands
	{name: "commit pointer: older slot torn", do: func(t *testing.T, dir string) {
		edit(t, filepath.Join(dir, pointerName), zero(pointerSlot, pointerSlot+slotSize))
	}, want: without()},
	{name: "commit pointer lost and a header bad", do: func(t *testing.T, dir string) {
		remove(t, filepath.Join(dir, pointerName))
		edit(t, segmentPath(dir, 1), flip(17)) // the key is in the others
	}, want: span(0, evenRecords), places: 1},
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for _, test := range damages {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := makeEven(t)
			test.do(t, dir)
			before := segmentsIn(t, dir)
			verifyErr := Verify(dir, nil)
			book := &logbook{}
			opts := evenOptions(dir)
			opts.Log = book.logger()
			l, err := Open(opts)
			if err != nil {
				t.Fatal(err)
			}
			// What is written after the damage is read behind it.
			mustAppend(t, l, even(100))
			want := append(slices.Clone(test.want), 100)
			if got := numbersOf(readAll(t, l, l.Committed())); !slices.Equal(got, want) {
				t.Errorf("read %v\nwant %v", got, want)
			}
			s := l.Stat()
			if s.Damaged != test.places {
				t.Errorf("%d damaged places, want %d:\n%s", s.Damaged, test.places, book)
			}
			if lines := strings.Count(book.String(), "journal damaged"); lines != int(test.places) {
				t.Errorf("%d log lines for %d damaged places:\n%s", lines, test.places, book)
			}
			// Reading it again neither counts nor logs it again.
			if got := readAll(t, l, l.Committed()); len(got) != len(want) || l.Stat().Damaged != s.Damaged {
				t.Errorf("second reading: %d records, stat %+v", len(got), l.Stat())
			}
			if test.places > 0 && verifyErr == nil {
				t.Error("Verify found nothing")
			}
			checkAside(t, dir, test.torn)
			if err := l.Commit(t.Context(), l.Stat().End); err != nil {
				t.Fatal(err)
			}
			mustClose(t, l)
			// A third process finds the same, without anything to mend.
			book = &logbook{}
			opts.Log = book.logger()
			l = mustOpen(t, opts)
			mustAppend(t, l, even(101))
			if got := numbersOf(readAll(t, l, l.Committed())); !slices.Equal(got, []int{101}) {
				t.Errorf("after committing and reopening read %v", got)
			}
			if strings.Contains(book.String(), "was torn") {
				t.Errorf("mended twice: %s", book)
			}
			for _, number := range before {
				if !slices.Contains(segmentsIn(t, dir), number) {
					t.Errorf("segment %d was deleted", number)
				}
			}
		})
	}
}

// checkAside compares the bytes in .torn files.
func checkAside(t *testing.T, dir string, want int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+tornSuffix))
	if err != nil {
		t.Fatal(err)
	}
	var got int64
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got += info.Size()
	}
	if got != want {
		t.Errorf("%d bytes put aside, want %d", got, want)
	}
}

// A segment whose last record's place was committed can be cut below that
// place. New records must not stand where they would count as committed.
func TestDamage_CutBelowCommitted(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 10, headerSize, evenAt(1)} {
		dir := makeEven(t)
		l := mustOpen(t, evenOptions(dir))
		if err := l.Commit(t.Context(), ingest.Position{Segment: 4, Offset: evenAt(4)}); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		for _, number := range segmentsIn(t, dir) {
			if number > 4 {
				remove(t, segmentPath(dir, number))
			}
		}
		edit(t, segmentPath(dir, 4), cutTo(size))
		l = mustOpen(t, evenOptions(dir))
		mustAppend(t, l, even(50))
		if got := numbersOf(readAll(t, l, l.Committed())); !slices.Equal(got, []int{50}) {
			t.Errorf("cut to %d: read %v", size, got)
		}
	}
}

func TestDamage_WhileOpen(t *testing.T) {
	t.Parallel()
	dir := makeEven(t)
	l := mustOpen(t, evenOptions(dir))
	edit(t, segmentPath(dir, 2), flip(evenAt(5)+60))
	remove(t, segmentPath(dir, 3))
	edit(t, segmentPath(dir, 4), cutTo(evenAt(2)))
	mustAppend(t, l, even(100))
	want := append(without(append(span(20, 30), 15, 32, 33, 34)...), 100)
	if got := numbersOf(readAll(t, l, l.Committed())); !slices.Equal(got, want) {
		t.Errorf("read %v\nwant %v", got, want)
	}
	if s := l.Stat(); s.Damaged != 3 || s.Skipped != evenFrame+10*evenFrame+3*evenFrame {
		t.Errorf("stat %+v", s)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	dir := makeEven(t)
	edit(t, segmentPath(dir, 1), flip(evenAt(1)+60))
	edit(t, segmentPath(dir, 1), flip(evenAt(7)+60))
	remove(t, segmentPath(dir, 2))
	edit(t, segmentPath(dir, 4), cutTo(evenAt(4)+50))
	before, err := os.ReadFile(segmentPath(dir, 4))
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		segment uint64
		records int
		places  int
	}
	var got []line
	err = Verify(dir, func(segment uint64, records int, err error) {
		places := 0
		if err != nil {
			places = strings.Count(err.Error(), "damaged at")
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Segment != segment {
				t.Errorf("segment %d: %v", segment, err)
			}
		}
		got = append(got, line{segment, records, places})
	})
	if err == nil || !strings.Contains(err.Error(), "3 segments damaged or missing") {
		t.Errorf("verify: %v", err)
	}
	if want := []line{{1, 8, 2}, {2, 0, 1}, {3, 10, 0}, {4, 4, 1}}; !slices.Equal(got, want) {
		t.Errorf("reported %v, want %v", got, want)
	}
	if after, err := os.ReadFile(segmentPath(dir, 4)); err != nil || !bytes.Equal(before, after) {
		t.Error("Verify changed a segment")
	}
	if err := Verify(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("verify of no directory: %v", err)
	}
	garbage := makeEven(t)
	edit(t, filepath.Join(garbage, pointerName), zero(0, 2*pointerSlot))
	if err := Verify(garbage, nil); !errors.Is(err, errPointer) {
		t.Errorf("verify with a damaged pointer: %v", err)
	}
}

// A sender cannot smuggle in a record: bytes inside a record that look like one
// are not taken for one when the reader searches behind damage.
func TestDamage_ForgedRecordInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := mustOpen(t, Options{Dir: dir})
	// As good as it gets without knowing the key: right place, length, sums.
	offset := int64(headerSize + frameSize)
	forged := appendFrame(nil, []byte("900000 forged"))
	sealFrame(1<<32|1, 1, offset, time.Now(), forged, new([16]byte))
	mustAppend(t, l, append(forged, "the rest"...), payload(2))
	edit(t, segmentPath(dir, 1), flip(headerSize+5)) // the outer record's sum
	if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, []int{2}) {
		t.Errorf("read %v", got)
	}
	// With the key it would have worked, so the test tests something.
	sealFrame(l.key, 1, offset, time.Now(), forged, new([16]byte))
	edit(t, segmentPath(dir, 1), func(text []byte) []byte { copy(text[offset:], forged); return text })
	if got := numbersOf(readAll(t, l, ingest.Position{})); !slices.Equal(got, []int{900000, 2}) {
		t.Errorf("read %v", got)
	}
}
