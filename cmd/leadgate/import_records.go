package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// importRecord is one JSON object of a file and the line it began on.
type importRecord struct {
	line int
	text json.RawMessage
}

var errNoRecords = errors.New("no records in it")

// readRecords reads a JSON array, JSON objects one after the other, or CSV
// with a header. CSV values become JSON strings; empty ones are left out.
func readRecords(text []byte) ([]importRecord, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var records []importRecord
	var err error
	switch start := bytes.TrimSpace(text); {
	case len(start) == 0:
	case start[0] == '[':
		records, err = readArray(text)
	case start[0] == '{':
		records, err = readObjects(text)
	default:
		records, err = readCSV(text)
	}
	if err == nil && len(records) == 0 {
		err = errNoRecords
	}
	return records, err
}

// lines counts the lines of a text as far as it was asked for: offsets must
// not go back, so that a long file is gone through once.
type lines struct {
	text      []byte
	at, ended int64 // the offset, and how many lines ended before it
}

// number returns the number of the line in which offset lies.
func (l *lines) number(offset int64) int {
	if offset = min(offset, int64(len(l.text))); offset > l.at {
		l.ended += int64(bytes.Count(l.text[l.at:offset], []byte("\n")))
		l.at = offset
	}
	return int(l.ended) + 1
}

func readArray(text []byte) ([]importRecord, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var records []importRecord
	count := &lines{text: text}
	for dec.More() {
		record, err := nextObject(dec, count)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("line %d: the array does not end: %w", count.number(dec.InputOffset()), err)
	}
	return records, nil
}

func readObjects(text []byte) ([]importRecord, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	var records []importRecord
	count := &lines{text: text}
	for {
		record, err := nextObject(dec, count)
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
}

func nextObject(dec *json.Decoder, count *lines) (importRecord, error) {
	after := count.text[dec.InputOffset():]
	blank := len(after) - len(bytes.TrimLeft(after, " \t\r\n,"))
	line := count.number(dec.InputOffset() + int64(blank))
	var raw json.RawMessage
	if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
		return importRecord{}, fmt.Errorf("line %d: the file ends: %w", line, err)
	} else if err != nil {
		return importRecord{}, fmt.Errorf("line %d: not JSON: %w", line, err)
	}
	if raw[0] != '{' {
		return importRecord{}, fmt.Errorf("line %d: not a JSON object", line)
	}
	return importRecord{line: line, text: raw}, nil
}

func readCSV(text []byte) ([]importRecord, error) {
	r := csv.NewReader(bytes.NewReader(text))
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	if len(header) < 2 {
		return nil, errors.New("line 1: neither JSON nor CSV with a header of several columns")
	}
	var records []importRecord
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		object := make(map[string]string, len(row))
		for i, value := range row {
			if value != "" {
				object[header[i]] = value
			}
		}
		encoded, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		records = append(records, importRecord{line: line, text: encoded})
	}
}
