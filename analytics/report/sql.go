package report

import (
	"fmt"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// The statements below are made of constants alone: names of columns, of views
// and of statuses. What a user asked for is bound: {workspace:String},
// {from:Date}, {to:Date} (both included), {tz:String}, {lookback:Int64} and
// {since:Int64}, {until:Int64} (microseconds; wide bounds around the range
// that spare the store reading the rest, widened by the lookback for touches).

// inRange says that a time falls on a day of the range.
func inRange(column string) string {
	return fmt.Sprintf(`toDate(%s, {tz:String}) BETWEEN {from:Date} AND {to:Date}`, column)
}

// clickColumns are the click ids that name one click. gclsrc only tells how a
// gclid was made: half the world shares its value.
func clickColumns() []string {
	var columns []string
	for _, name := range ingest.ClickIDParams {
		if name != "gclsrc" {
			columns = append(columns, name)
		}
	}
	return columns
}

// keyColumns are what a lead and a touch can have in common.
func keyColumns() []string { return append([]string{"visitor_id"}, clickColumns()...) }

// filledSQL names those of keyColumns that are not empty throughout. Every
// state of a row is asked, which is much cheaper than the view.
func filledSQL(table, where string) string {
	var filled []string
	for _, name := range keyColumns() {
		filled = append(filled, fmt.Sprintf(`if(max(%s != ''), '%s', '')`, name, name))
	}
	return `SELECT arrayFilter(c -> c != '', [` + strings.Join(filled, ", ") + `])
FROM ` + table + `
WHERE workspace = {workspace:String} AND ` + where
}

// touchTimes bounds the touches that leads of the range can belong to.
const touchTimes = `occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
	AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')`

// touchKeys are an array of what a row has in these columns, each value with
// its column's name, and both as a hash: to compare and to remember that takes
// a half to a third of what the texts take.
func touchKeys(columns []string) string {
	const none = `toUInt128(0)`
	var keys []string
	for _, name := range columns {
		keys = append(keys, fmt.Sprintf(`if(%s = '', %s, reinterpretAsUInt128(sipHash128Reference('%s=' || %s)))`, name, none, name, name))
	}
	return `arrayFilter(k -> k != ` + none + `, [` + strings.Join(keys, ", ") + `])`
}

// leadColumns are what attribution needs of a lead.
func leadColumns(prefix string) string {
	columns := append([]string{
		"lead_id", "verdict", "occurred_at", "channel", "channel_inferred", "tag_source", "tag_medium", "utm_campaign",
		"campaign_id",
	}, keyColumns()...)
	for i, name := range columns {
		columns[i] = prefix + name + " AS " + name
	}
	return strings.Join(columns, ", ")
}

// arrivedSQL are the leads of the range, each counted when it occurred. Those
// with verdict unique are its conversions.
func arrivedSQL() string {
	return `
	SELECT ` + leadColumns("") + `, occurred_at AS counted_at
	FROM leads
	WHERE workspace = {workspace:String} AND ` + inRange("occurred_at")
}

// wonSQL are the sales: statuses that mean one, with the key by which each
// names its lead.
func wonSQL() string {
	return `
	SELECT status_id, occurred_at AS sold_at, multiIf(
		lead_id != '', ('lead', lead_id), external_id != '', ('external', external_id), ('contact', contact_id)) AS key
	FROM statuses
	WHERE workspace = {workspace:String} AND lower(status) IN ('` + strings.Join(WonStatuses, "', '") + `')`
}

// matchedSQL finds the lead of each sale: of several, the latest before it. A
// sale to a duplicate is a sale of the lead that it duplicates.
func matchedSQL() string {
	return `
	SELECT w.status_id AS status_id, any(w.sold_at) AS sold_at,
		argMax(l.original, (l.occurred_at <= w.sold_at, l.occurred_at, l.original)) AS lead_id
	FROM (
		SELECT if(verdict = 'duplicate' AND duplicate_of != '', duplicate_of, lead_id) AS original, occurred_at,
			arrayJoin(arrayFilter(k -> k.2 != '',
				[('lead', lead_id), ('external', external_id), ('contact', contact_id)])) AS key
		FROM leads
		WHERE workspace = {workspace:String} AND verdict IN ('unique', 'duplicate')
	) AS l
	INNER JOIN (` + wonSQL() + `) AS w ON l.key = w.key
	GROUP BY w.status_id`
}

// salesSQL are the leads won, each counted once, when it was first won.
func salesSQL() string {
	return `
	SELECT ` + leadColumns("l.") + `, s.counted_at AS counted_at
	FROM (SELECT * FROM leads WHERE workspace = {workspace:String} AND verdict = 'unique') AS l
	INNER JOIN (SELECT lead_id, min(sold_at) AS counted_at FROM (` + matchedSQL() + `) GROUP BY lead_id) AS s
		ON l.lead_id = s.lead_id
	WHERE ` + inRange("s.counted_at")
}

// unmatchedSQL counts the sales of the range whose lead is not known.
func unmatchedSQL() string {
	return `
SELECT toInt64(count())
FROM (` + wonSQL() + `) AS w
LEFT ANTI JOIN (` + matchedSQL() + `) AS m ON w.status_id = m.status_id
WHERE ` + inRange("w.sold_at")
}

// lastsSQL finds the last touch of each chosen unique lead, by columns that leads and
// touches have in common. Equal times are told apart by touch_id, so that the
// same touch is the last every time.
func lastsSQL(columns []string) string {
	return `
	SELECT l.lead_id AS lead_id, 1 AS found, argMax(
		tuple(t.channel, t.tag_source, t.tag_medium, t.utm_campaign, t.channel_inferred),
		tuple(t.occurred_at, t.touch_id)) AS touch
	FROM (
		SELECT touch_id, occurred_at, channel, tag_source, tag_medium, utm_campaign, channel_inferred,
			arrayJoin(` + touchKeys(columns) + `) AS key
		FROM touches
		WHERE workspace = {workspace:String} AND ` + touchTimes + `
	) AS t
	INNER JOIN (
		SELECT lead_id, occurred_at, arrayJoin(` + touchKeys(columns) + `) AS key FROM chosen WHERE verdict = 'unique'
	) AS l ON t.key = l.key
	WHERE t.occurred_at <= l.occurred_at AND t.occurred_at >= l.occurred_at - toIntervalMicrosecond({lookback:Int64})
	GROUP BY l.lead_id`
}

// attributedSQL counts chosen leads by verdict and cell: by that of their last
// touch, else their own. Without columns in common there are no touches of theirs.
func attributedSQL(chosen string, columns []string) string {
	with, join := ``, ``
	cell := func(_, own string) string { return own }
	if len(columns) > 0 {
		with = `, lasts AS (` + lastsSQL(columns) + `)`
		join = `LEFT JOIN lasts AS t ON c.lead_id = t.lead_id`
		cell = func(touch, own string) string { return `if(t.found = 1, ` + touch + `, ` + own + `)` }
	}
	return `
WITH chosen AS (` + chosen + `)` + with + `
SELECT toString(day), toString(channel_), toString(source_), toString(medium_), campaign_, campaign_id_, inferred,
	toString(verdict), n
FROM (
	SELECT
		c.verdict AS verdict,
		toDate(c.counted_at, {tz:String}) AS day,
		` + cell(`t.touch.1`, `c.channel`) + ` AS channel_,
		` + cell(`t.touch.2`, `c.tag_source`) + ` AS source_,
		` + cell(`t.touch.3`, `c.tag_medium`) + ` AS medium_,
		` + cell(`t.touch.4`, `c.utm_campaign`) + ` AS campaign_,
		` + cell(`''`, `c.campaign_id`) + ` AS campaign_id_,
		` + cell(`t.touch.5`, `c.channel_inferred`) + ` AS inferred,
		toInt64(count()) AS n
	FROM chosen AS c
	` + join + `
	GROUP BY verdict, day, channel_, source_, medium_, campaign_, campaign_id_, inferred
)
SETTINGS join_use_nulls = 0`
}

func touchesSQL() string {
	return `
SELECT toString(day), toString(channel), toString(tag_source), toString(tag_medium), utm_campaign, '', n
FROM (
	SELECT toDate(occurred_at, {tz:String}) AS day, channel, tag_source, tag_medium, utm_campaign, toInt64(count()) AS n
	FROM touches
	WHERE workspace = {workspace:String} AND ` + inRange("occurred_at") + `
	GROUP BY day, channel, tag_source, tag_medium, utm_campaign
)`
}

// costsSQL adds within a cell and a currency only; sums are exact decimals.
const costsSQL = `
SELECT toString(day), toString(channel), toString(tag_source), toString(tag_medium), campaign, campaign_id,
	toString(currency), toString(sum(cost)), sum(clicks)
FROM costs
WHERE workspace = {workspace:String} AND day BETWEEN {from:Date} AND {to:Date}
GROUP BY day, channel, tag_source, tag_medium, campaign, campaign_id, currency`

const campaignsSQL = `
SELECT toString(tag_source), campaign_id, argMax(campaign, (day, version, campaign))
FROM costs
WHERE workspace = {workspace:String} AND campaign_id != ''
GROUP BY tag_source, campaign_id`

func quarantinedSQL() string {
	return `
SELECT toInt64(count())
FROM deliveries
WHERE workspace = {workspace:String} AND verdict = 'quarantined' AND ` + inRange("received_at")
}
