package schema

// readable are the views, and the tables that they read on behalf of who asks.
// What was received, raw_log, is not among them.
var readable = []string{
	"leads", "submissions", "contacts", "touches", "costs", "cost_states", "statuses", "deliveries",
	"leads_log", "contacts_log", "touches_log", "costs_log", "cost_slices_log", "statuses_log", "deliveries_log",
}

// Readable returns what a user needs to be allowed to read for the views of a
// database, as database.name.
func Readable(database string) []string {
	names := make([]string, 0, len(readable))
	for _, name := range readable {
		names = append(names, database+"."+name)
	}
	return names
}
