package sources_test

import "github.com/leadgate/leadgate/ingest"

// formFramesB are more genuine bodies of other people's forms; see frames.
var formFramesB = map[string]string{
	"gravity-forms": `{"1.3":«"Kim"»,"1.6":«"Lee"»,"2":«"kim@example.com"»,"3":«"(202) 555-0142"»,"4":«"hi"»,"id":«"1"»,
		"form_id":«"7"»,"date_created":«"2026-01-31 10:00:00"»,"source_url":«"https://example.com/?utm_source=x"»,
		"status":«"active"»,"payment_status":«"x"»,"ip":«"203.0.113.7"»,"name":«"Kim"»}`,
	"elementor": `{"Name":«"Kim"»,"E-Mail":«"kim@example.com"»,"Site":«"https://example.com/?utm_source=x"»,
		"form_name":«"x"»,"other":«["x"]»}`,
	"contact-form-7": `{"your-name":«"Kim"»,"your-email":«"kim@example.com"»,"your-tel":«"+12025550142"»,"your-message":«"hi"»,
		"your-service":«["x"]»,"_url":«"https://example.com/?utm_source=x"»,"_date":«"x"»,"_remote_ip":«"203.0.113.7"»,"id":«"1"»}`,
	"wpforms": `{"entry_id":«"1"»,"form_id":«"7"»,"name":{"first":«"Kim"»},"email":«"kim@example.com"»,"phone":«"+12025550142"»,
		"page_url":«"https://example.com/?utm_source=x"»,"other":«["x"]»}`,
	"unbounce": `{"name":[«"Kim"»],"email":[«"kim@example.com"»],"phone_number":[«"+12025550142"»],"data.json":«"{\"x\":\"y\"}"»,
		"data.xml":«"<f><x>y</x></f>"»,"time_submitted":[«"12:00 PM UTC"»],"date_submitted":[«"2026-01-05"»],"page_uuid":[«"x"»],
		"page_name":[«"x"»],"variant":[«"b"»],"page_url":[«"https://example.com/?gclid=x"»],"other":«["x"]»}`,
	"unbounce xml": `{"email":"kim@example.com","data.xml":«"<f><x>y</x></f>"»}`,
	"tilda": `{"Name":«"Kim"»,"Email":«"kim@example.com"»,"Phone":«"+12025550142"»,"tranid":«"1:2"»,"formid":«"x"»,
		"COOKIES":«"TILDAUTM=utm_source%3Dx; _fbc=fb.1.1769850000000.a"»,"TILDAUTM":«"utm_source%3Dx"»,"_fbc":«"x"»,"other":«["x"]»}`,
	"zapier-generic": `{"id":«"l:1"»,"created_time":«"2026-01-31T10:00:00Z"»,"ad_id":«"ag:1"»,"ad_name":«"x"»,"campaign_id":«"c:1"»,
		"full_name":«"Kim"»,"email":«"kim@example.com"»,"phone_number":«"p:+12025550142"»,"platform":«"fb"»,"zip":«"z:1"»,"other":«["x"]»}`,
	"zapier-generic lists": `[{"email":"kim@example.com","field_data":«[{"name":"x","values":["y"]}]»}]`,
}

// formShapersB make a delivery of a frame what its sender posts.
var formShapersB = map[string]func(*ingest.Delivery){}
