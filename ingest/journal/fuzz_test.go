package journal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"
)

func FuzzScanner(f *testing.F) {
	const k = key(0x4c47_4a52_0102_0304)
	whole := appendHeader(nil, header{number: 3, created: time.Unix(1, 0), key: k})
	for i := range 5 {
		frame := appendFrame(nil, payload(i*31))
		sealFrame(k, 3, int64(len(whole)), time.Unix(int64(i), 0), frame, new([16]byte))
		whole = append(whole, frame...)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(whole[:headerSize+5])
	f.Add(flip(40)(slices.Clone(whole)))
	f.Add(zero(60, 200)(slices.Clone(whole)))
	f.Add(append(slices.Clone(whole), make([]byte, 300)...))
	f.Add(append(slices.Clone(whole[:headerSize]), whole...))
	f.Add(bytes.Repeat([]byte("LGJR"), 100)) // markers only
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := parseHeader(text); err != nil && !errors.Is(err, errHeader) && !errors.Is(err, errVersion) {
			t.Fatal(err)
		}
		parseSlot(text)
		scan := &scanner{file: bytes.NewReader(text), segment: 3, key: k, offset: min(headerSize, int64(len(text))), limit: int64(len(text)), chunk: 64, recycle: true}
		covered := scan.offset // every byte is in a record or in a damaged place, once
		for {
			at := scan.offset
			f, err := scan.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if isCorrupt(err) {
				if scan.offset != at {
					t.Fatal("damage moved the scanner")
				}
				if _, err := scan.resync(); err != nil {
					t.Fatal(err)
				}
				if scan.offset <= at {
					t.Fatalf("resync from %d to %d", at, scan.offset)
				}
				covered += scan.offset - at
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			covered += f.end - f.offset
			again := appendFrame(nil, f.data)
			sealFrame(k, 3, f.offset, f.at, again, new([16]byte))
			if !bytes.Equal(again, text[f.offset:f.end]) {
				t.Fatalf("record at %d does not encode to what was read", f.offset)
			}
		}
		if covered != int64(len(text)) {
			t.Fatalf("%d of %d bytes accounted for", covered, len(text))
		}
	})
}

// A journal of several segments with arbitrary bytes in one of them opens,
// reads to its end and takes further records.
func FuzzOpen(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), []byte("LGJ\x01"))
	f.Add(uint64(4), make([]byte, 2000))
	f.Fuzz(func(t *testing.T, number uint64, text []byte) {
		dir := t.TempDir()
		l := mustOpen(t, evenOptions(dir))
		for i := range 15 {
			mustAppend(t, l, even(i))
		}
		mustClose(t, l)
		if err := os.WriteFile(segmentPath(dir, number%4+1), text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(evenOptions(dir))
		if errors.Is(err, errVersion) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, even(77))
		var last []byte
		for at := l.Committed(); at.Less(l.Stat().End); {
			got, err := l.Read(context.Background(), at, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			at, last = got[len(got)-1].Next, got[len(got)-1].Data
		}
		if numberOf(last) != 77 {
			t.Errorf("last record read is %q", last)
		}
		mustClose(t, l)
	})
}
