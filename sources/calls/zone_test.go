package calls_test

import "time"

func chicago() *time.Location { return zone("America/Chicago") }
func moscow() *time.Location  { return zone("Europe/Moscow") }

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}
