package sources_test

import (
	"fmt"
	"net/textproto"
	"strings"
)

// More texts; see texts. Those that writing systems make possible, those that
// stand for others, and those that are of a protocol.
func init() {
	for name, text := range map[string]func(n int) string{
		"vowels of Hangul":         times("\u1161"),
		"ends of Hangul":           between("\uac00", "\u11a8", ""),
		"accents of four classes":  times("a\u0315\u0300\u05ae\u0316b"),
		"thirty accents a letter":  times("e" + strings.Repeat("\u0316", 15) + strings.Repeat("\u0301", 16)),
		"accents of two parts":     between("a", "\u0344", ""),
		"accents, zero bytes":      times("e\u0316\x00\u0301\x00"),
		"accents, then a plain":    func(n int) string { return times("e\u0301\u0316")(n-n/4) + times("a b ")(n/4) },
		"letters never composed":   times("\u0958\u0344\ufb2c"),
		"vowel signs":              times("\u0915\u093c\u09c7\u09be"),
		"zero-width characters":    times("a\u200b\u200d\u2060\ufeff"),
		"families of emoji":        times("\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466"),
		"tags of emoji":            between("\U0001F3F4", "\U000E0067", "\U000E007F"),
		"selectors of variants":    times("a\ufe0f"),
		"right to left":            times("\u0634\u064f\u0643\u0651\u0631 "),
		"isolates":                 times("\u2066a\u2069\u2067"),
		"homoglyphs":               times("\u0430\u0435\u043e\u0440\u0441pa\u03bf"),
		"letters of mathematics":   times("\U0001D400\U0001D7D8"),
		"ligatures":                times("\ufdfa\ufb01"),
		"letters that fold longer": times("\u0130\u1e9e\u2c2f"),
		"digits of other scripts":  between("+", "\uff11\u0661\u0967", ""),
		"Chinese":                  times("\u60a8\u597d\uff0c"),
		"surrogates in UTF-8":      times("\xed\xa0\x80"),
		"half letters":             times("\xe2\x82"),
		"overlong UTF-8":           times("\xc0\xaf"),
		"labels of a domain":       between("kim@", "\u043f.", "\u0440\u0444"),
		"a long label":             between("kim@", "\u043f", ".example"),
		"punycode":                 between("kim@", "xn--a-", ".example"),
		"punycode labels":          between("kim@", "xn--80ak6aa92e.", "com"),
		"a local part of accents":  between("", "e\u0316\u0301", "@example.com"),
		"at signs and dots":        times("@."),
		"a host of accents":        between("https://", "e\u0316\u0301", ".example/"),
		"percent twice":            between("https://example.com/?utm_source=", "%2525", ""),
		"percent, then accents":    between("https://example.com/?utm_source=", "%CC%81%CC%96", ""),
		"a query of folded names":  between("https://example.com/?", "UTM_SOURCE=a&GCLID=%61&", ""),
		"a query of known names":   between("https://example.com/?", "fbclid=a&gclid=b&", ""),
		"a query of long names":    between("https://example.com/?", "a%CC%81", "=b"),
		"macros in macros":         between("{{", "%7B%7B", "}}"),
		"words of UTF-7":           times("+AGE-"),
		"a word of UTF-7":          between("+", "AGE", "-"),
		"marks of byte order":      times("\ufeff\xff\xfe\xfe\xff"),
		"words of no charset":      times("=?x?q?=e4?= "),
		"words of UTF-7, encoded":  times("=?utf-7?q?+AGE-?= "),
		"words in words":           between("", "=?utf-8?q?=3d=3futf-8=3fq=3f", "?="),
		"letters of no charset":    times("gr\xfc\xdfe an "),
		"a token":                  between("eyJhbGciOiJIUzI1NiJ9.", "eyJ", ".AAAA"),
		"dots of a token":          times("eyJ."),
		"XML entities":             between("<!DOCTYPE a [", "<!ENTITY b \"&b;\">", "]><a>&b;</a>"),
		"XML in XML":               times("<a b='c'>"),
		"JSON in JSON":             times(`{\"a\":`),
		"numbers with exponents":   times("1e999"),
		"a number of digits":       between("-0.", "0", "1e-99"),
		"thousands of two kinds":   between("1", ".000,000", ""),
		"dates":                    times("01/02/2026 "),
		"a time of many parts":     between("2026-01-31T10:00:00.", "0", "Z"),
		"names of people":          times("Kim Lee, "),
		"field names":              times("email[phone].name-"),
		"cookies":                  times("_fbc=fb.1.1769850000000.a; "),
		"statuses":                 times("won lost "),
	} {
		texts[name] = text
	}
	for name, value := range map[string]func(n int) string{
		"answers of accents":     answersOf("e\u0301\u0316"),
		"answers that decompose": answersOf("\U0001D160"),
		"answers of no letters":  answersOf("\u200b\x00"),
		"answers of addresses":   answersOf("a@b.example, "),
		"a list of accents":      func(n int) string { return `["` + strings.Repeat(times("e\u0301\u0316")(n/90)+`","`, 90) + `"]` },
		"names of accents": func(n int) string {
			return "{" + numbered(`"e%d`+strings.Repeat("\u0316\u0301", 30)+`":"",`)(n) + `"":0}`
		},
		"names that mean something": between("{", `"email":"a","your_email":"b","phone_1":"c",`, `"":0}`),
		"names of many prefixes":    func(n int) string { return "{" + numbered(`"your_form_fields_%d_1":"a",`)(n) + `"":0}` },
		"one name of many prefixes": between(`{"`, "your_", `":"a"}`),
		"names in other letters":    func(n int) string { return "{" + numbered(`"Utm_SOURCE\u00e9%d":"a",`)(n) + `"":0}` },
		"the same long key":         func(n int) string { return "{" + strings.Repeat(`"`+times("a")(n/64)+`":0,`, 64) + `"":0}` },
		"keys of escapes":           between("{", `"\u0061\u0062":"",`, `"":0}`),
		"a list in every list":      between("[", "[[[]]],", "[]]"),
		"an object in every list":   between("[", `[{"a":[1]}],`, "[]]"),
		"big numbers":               between("[", "123456789012345678901234567890,", "0]"),
		"numbers with exponents":    between("[", "-1.5e+300,", "0]"),
		"truths":                    between("[", "true,null,", "false]"),
		"a text in pieces":          between(`"`, `\/\n`, `"`),
		"letters in two escapes":    between(`"`, `\ud834\udd60`, `"`),
		"blanks between values":     func(n int) string { return "[1" + strings.Repeat(" \n\t,\r\n1", n/8) + "]" },
	} {
		values[name] = value
	}
}

// answersOf are a hundred answers of a text.
func answersOf(text string) func(n int) string {
	return func(n int) string {
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, `"q%d":%s,`, i, quoted(times(text)(n/100)))
		}
		return "{" + b.String() + `"":0}`
	}
}

// odd are bodies of few kinds, and deliveries of many headers.
func odd() (all []hostile) {
	add := func(name, contentType string, body func(n int) string) {
		all = append(all, hostile{
			name: "odd body: " + name, header: textproto.MIMEHeader{"Content-Type": {contentType}},
			body: func(n int) []byte { return []byte(body(n)) },
		})
	}
	const xml = "application/xml"
	add("XML elements", xml, times("<a>1</a>"))
	add("XML within XML", xml, times("<a>"))
	add("XML attributes", xml, between("<a", " b='c'", "/>"))
	add("an XML name", xml, between("<", "a", "/>"))
	add("an XML text", xml, between("<a><email>", "e\u0301\u0316", "</email></a>"))
	add("XML entities", xml, between("<a>", "&amp;&#x41;", "</a>"))
	add("declared XML entities", xml, between("<!DOCTYPE a [", `<!ENTITY b "cccccccc">`, "]><a>&b;</a>"))
	add("XML comments", xml, between("<a>", "<!-- -->", "</a>"))
	add("XML CDATA", xml, between("<a>", "<![CDATA[a]]>", "</a>"))
	add("XML instructions", xml, between("", "<?a b?>", "<a/>"))
	add("XML in UTF-16", xml, between("\xff\xfe", "<\x00a\x00>\x00", ""))
	const multipart = "multipart/form-data; boundary="
	add("small parts", multipart+"b", between("", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", "--b--"))
	long := strings.Repeat("b-", 34) + "b"
	add("parts of a long boundary", multipart+long, between("", "--"+long+"\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", "--"+long+"--"))
	add("half of a long boundary", multipart+long, between("--"+long+"\r\n\r\n", "\r\n--"+long[:60], "\r\n--"+long+"--"))
	add("names of accents", multipart+"b", numbered("--b\r\nContent-Disposition: form-data; name=\"e\u0301\u0316%d\"\r\n\r\nv\r\n"))
	add("names in encoded words", multipart+"b", times("--b\r\nContent-Disposition: form-data; name=\"=?utf-8?q?a?=\"\r\n\r\nv\r\n"))
	add("base64 parts", multipart+"b", times("--b\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"))
	const form = "application/x-www-form-urlencoded"
	add("percent twice", form, between("message=", "%2525", ""))
	add("accents", form, between("email=a%40b.example&message=", "e%CC%81%CC%96", ""))
	add("fields of accents", form, numbered("q%d=e%%CC%%81%%CC%%96&"))
	add("one field of accents", form, times("q=e%CC%81%CC%96&"))
	add("names of brackets", form, times("a[b][c]=d&"))
	add("numbered names", form, numbered("a[%d]=b&"))
	add("plus signs", form, between("message=", "+", "a"))
	const csv = "text/csv"
	add("one row", csv, between("date,cost,currency,campaign\n2026-01-31,1,EUR,", "a", ""))
	add("a row of quoted lines", csv, between("date,cost,currency,campaign\n2026-01-31,1,EUR,\"", "a\n", "\""))
	add("a header of accents", csv, between("date,cost,currency,", "e\u0301\u0316", "\n2026-01-31,1,EUR,a\n"))
	add("headers of accents", csv, between("date,cost,currency", ",e\u0301\u0316", "\n"))
	add("rows of accents", csv, between("date,cost,currency,campaign\n", "2026-01-31,1,EUR,e\u0301\u0316\n", ""))
	add("rows of semicolons", csv, between("date;cost;currency\n", "2026-01-31;1;EUR\n", ""))
	add("rows of tabs", csv, between("date\tcost\tcurrency\n", "2026-01-31\t1\tEUR\n", ""))
	add("rows that cannot be read", csv, between("date,cost,currency\n", "x,y,z\n", ""))
	add("dates in words", csv, between("date,cost,currency\n", "\"January 31, 2026\",1,EUR\n", ""))
	const page = "text/html"
	add("a page of nested tags", page, times("<table><tr><td><b>"))
	add("a page of entities", page, times("&eacute;&#x301;&#x316;"))
	add("a page of fields", page, times("<tr><td>Email<td>kim@example.com"))
	add("a page of accents", page, between("<p>Name: ", "e\u0301\u0316", ""))
	const text = "text/plain"
	add("a mail of accents", text, between("Name: Kim\nEmail: kim@example.com\nMessage: ", "e\u0301\u0316", ""))
	add("a mail of labels of accents", text, numbered("e\u0301\u0316%d: v\n"))
	add("a mail of addresses", text, numbered("Email: a%d@b.example\n"))
	add("a mail of numbers", text, between("Phone: ", "1 (2) - ", ""))
	add("a mail of no charset", text, times("gr\xfc\xdfe an "))
	all = append(all, manyHeaders())
	return all
}

// manyHeaders is a plain body under a thousand headers.
func manyHeaders() hostile {
	header := textproto.MIMEHeader{"Content-Type": {"application/json"}}
	for i := range 1000 {
		header[fmt.Sprintf("X-A-%d", i)] = []string{"a"}
	}
	return hostile{name: "a thousand headers", header: header, body: func(n int) []byte {
		return []byte(`{"email":"kim@example.com","message":"` + times("a ")(n) + `"}`)
	}}
}
