package main

import (
	"fmt"
	"path/filepath"

	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/metric"
)

// addDiskCheck adds the check of the disk. That it is asked each second also has
// the journal give up what it can while the disk is short.
func (g *gateway) addDiskCheck() {
	g.addCheck(func() check {
		g.journal.CheckDisk()
		stat := g.journal.Stat()
		state, detail := diskFinding(stat.Disk, stat.MaxBytes-stat.Bytes)
		return check{Name: "disk", State: state, Detail: detail}
	})
}

// diskFinding says how a disk stands; more is what the journal's budget still
// allows.
func diskFinding(d journal.DiskStat, more int64) (state, detail string) {
	if d.Total == 0 {
		return stateOK, "not looked at (disk.reserve is 0, or the file system does not say)"
	}
	detail = fmt.Sprintf("%v free of %v; %v are reserved for the drain; the journal may grow by %v",
		Bytes(d.Free), Bytes(d.Total), Bytes(d.Reserve), Bytes(max(0, min(d.Headroom, more))))
	switch {
	case d.Headroom <= 0 && d.Short:
		return stateFault, detail + ": deliveries are refused; free space, see that the drain runs, or lower disk.reserve"
	case d.Short:
		return stateFault, detail + ": the gateway is not ready; free space, see that the drain runs, or lower disk.reserve"
	case d.Headroom < more:
		return stateWarning, detail + ", less than journal.max_bytes: free space, or lower that"
	}
	return stateOK, detail
}

// disk adds how the disk stands for a gateway that does not run.
func (d *doctor) disk() {
	stat, err := journal.DiskOf(d.settings.DataDir, d.settings.journalOptions())
	if err != nil {
		d.fault("disk", err, "check the mount of data_dir")
		return
	}
	used := sizeOf(filepath.Join(d.settings.DataDir, "journal"))
	switch state, detail := diskFinding(stat, int64(d.settings.Journal.MaxBytes)-used); state {
	case stateFault:
		d.fault("disk", fmt.Errorf("%s", detail), "free space on the file system of data_dir")
	case stateWarning:
		d.warn("disk", detail, "free space, or lower journal.max_bytes")
	default:
		d.ok("disk", "%s; the journal holds %v of at most %v", detail, Bytes(used), d.settings.Journal.MaxBytes)
	}
}

func (g *gateway) diskStat() metric.DiskStat {
	stat := g.journal.Stat().Disk
	return metric.DiskStat{Free: stat.Free, Reserve: stat.Reserve, Headroom: stat.Headroom}
}
