// Package mail reads leads from inbound e-mail: letters that people write, and
// notifications that forms and portals send about people.
//
// Its law: the lead is the person who asks, never the robot that reports it.
// What a mail says beyond that is kept as answers; nothing is thrown away for
// being unreadable.
//
// # Helpers that nobody keeps up
//
// A stranger's mail reaches code that is no longer maintained. What it can do is
// bounded here, and the tests named Hostile hold it to that:
//
//   - github.com/gogs/chardet guesses the charset of what does not say it, or says
//     one that there is not. What is kept up (golang.org/x/net/html/charset,
//     github.com/wlynxg/chardet) knows fewer charsets: the first none but by name,
//     the second neither Polish nor Arabic, and it takes seven times as long for a
//     short text. It is given the first 4 KB of a text, twelve texts of a mail, and
//     of its answers the best one by a fixed order, as its own choice depends on
//     which of its goroutines ends first. It is some loops over these bytes, without
//     recursion; a guess takes about a millisecond at most.
//   - github.com/cention-sany/utf7 comes with enmime. Parts are taken raw
//     (enmime.RawContent), so that their charset is ours to decode, and so are the
//     encoded words of a Content-Type or Content-Disposition, all but two of a mail
//     that are malformed: UTF-7 is not among our charsets. What it can see is a part
//     of these two fields' first 2 KB. There is no maintained decoder of UTF-7, and
//     nobody sends it.
//   - github.com/ssor/bom comes with enmime, by way of html2text, and is not called:
//     only enmime.ReadEnvelope turns pages into text, and parts are read with
//     Parser.ReadParts. A test holds us to that.
//
// gopkg.in/tomb.v1 reads no mail: it belongs to a proxy of the tests.
package mail
