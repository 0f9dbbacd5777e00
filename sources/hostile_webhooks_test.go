package sources_test

import (
	"github.com/leadgate/leadgate/ingest"
)

// webhookFrames are genuine bodies of general conventions; see frames.
var webhookFrames = map[string]string{
	"cloudevents": `{"specversion":"1.0","id":«"1"»,"source":«"/x"»,"type":«"lead"»,"time":«"2026-01-31T10:00:00Z"»,
		"datacontenttype":«"application/json"»,"data":{"email":«"kim@example.com"»,"phone":«"+12025550142"»,"message":«"hi"»,
		"hobby":«"x"»,"occurred_at":«"2026-01-31T10:00:00Z"»}}`,
	"cloudevents form": `{"specversion":"1.0","id":"1","source":"/x","type":"lead",
		"datacontenttype":"application/x-www-form-urlencoded","data":«"email=kim%40example.com"»}`,
	"cloudevents batch": `[{"specversion":"1.0","id":"1","source":"/x","type":"lead","data":«{"email":"kim@example.com"}»},
		{"specversion":"1.0","id":"2","source":"/x","type":"lead","data_base64":«"eyJlbWFpbCI6ImtpbUBleGFtcGxlLmNvbSJ9"»}]`,
	"github-style": `{"email":«"kim@example.com"»,"phone":«"+12025550142"»,"message":«"hi"»,"id":«"1"»,
		"occurred_at":«"2026-01-31T10:00:00Z"»,"hobby":«"x"»,"nested":{"x":«["x"]»}}`,
}

// webhookShapers make a delivery of a frame what its sender posts.
var webhookShapers = map[string]func(*ingest.Delivery){}
