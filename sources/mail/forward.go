package mail

import "strings"

// letter is a mail's text without what surrounds it: the headers of a
// forwarded mail, quotation marks, the footer.
type letter struct {
	text string
	// forwarded tells that somebody passed on a mail; from and replyTo are
	// what that one's headers say.
	forwarded     bool
	from, replyTo string
}

// readLetter finds the innermost forwarded mail, or takes the quoted parts
// out of an answer, and cuts the footer off (RFC 3676 §4.3: "-- ").
func readLetter(text string) letter {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	var l letter
	for i := 0; i < len(lines); i++ {
		line := unquote(lines[i])
		if !isForwardMark(line) && !isHeaderBlock(lines[i:]) {
			continue
		}
		start := i
		if isForwardMark(line) {
			start++
		}
		if end, from, replyTo := forwardHeaders(lines, start); end > start {
			l = letter{forwarded: true, from: from, replyTo: replyTo}
			lines = lines[end:]
			i = -1
		}
	}
	if l.forwarded || allQuoted(lines) {
		for i := range lines {
			lines[i] = unquote(lines[i])
		}
	} else {
		lines = withoutQuotes(lines)
	}
	for i, line := range lines {
		if strings.TrimRight(line, " \t\u00a0") == "--" {
			lines = lines[:i]
			break
		}
	}
	l.text = strings.TrimSpace(strings.Join(lines, "\n"))
	return l
}

// unquote takes the marks of quotation off a line.
func unquote(line string) string {
	for {
		trimmed := strings.TrimLeft(line, " \t")
		if !strings.HasPrefix(trimmed, ">") {
			return line
		}
		line = strings.TrimPrefix(trimmed[1:], " ")
	}
}

func isQuoted(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), ">") }

// allQuoted tells whether there is nothing but a quotation.
func allQuoted(lines []string) bool {
	quoted := false
	for _, line := range lines {
		if isQuoted(line) {
			quoted = true
		} else if strings.TrimSpace(line) != "" {
			return false
		}
	}
	return quoted
}

// withoutQuotes drops quoted lines and the line that introduces them.
func withoutQuotes(lines []string) []string {
	kept := make([]string, 0, len(lines))
	for i, line := range lines {
		introduces := strings.HasSuffix(strings.TrimSpace(line), ":") && followedByQuote(lines[i+1:])
		if !isQuoted(line) && !introduces {
			kept = append(kept, line)
		}
	}
	return kept
}

func followedByQuote(lines []string) bool {
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			return isQuoted(line)
		}
	}
	return false
}

// forwardMarks are what mail programs write above a mail that is passed on, in
// English, German, French, Spanish, Italian, Portuguese, Dutch and Russian.
var forwardMarks = [...]string{
	"forwarded message", "begin forwarded message", "original message", "weitergeleitete nachricht",
	"anfang der weitergeleiteten", "ursprüngliche nachricht", "originalnachricht", "message transféré",
	"début du message", "début du message réexpédié", "message d'origine", "mensaje reenviado", "inicio del mensaje reenviado",
	"mensaje original", "messaggio inoltrato", "inizio messaggio inoltrato", "messaggio originale", "mensagem encaminhada",
	"mensagem original", "doorgestuurd bericht", "oorspronkelijk bericht", "пересылаемое сообщение", "пересланное сообщение",
	"начало переадресованного сообщения", "начало переданного сообщения", "исходное сообщение",
}

func isForwardMark(line string) bool {
	line = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(line), "’", "'"))
	if len(line) > 120 || !strings.HasPrefix(line, "-") && !strings.HasSuffix(line, ":") {
		return false
	}
	line = strings.Trim(line, "-: ")
	for _, mark := range forwardMarks {
		if strings.HasPrefix(line, mark) {
			return true
		}
	}
	return false
}

// forwardLabels are the header lines of a forwarded mail.
var forwardLabels = func() map[string]string {
	table := make(map[string]string)
	for kind, names := range map[string]string{
		"from":     "from,von,de,da,van,от,от кого,отправитель,expéditeur,remitente",
		"reply-to": "reply-to,reply to,antwort an,antworten an,répondre à,responder a,rispondi a,ответить,кому ответить",
		"date":     "date,sent,datum,gesendet,envoyé,fecha,enviado,enviado el,data,inviato,verzonden,дата,отправлено",
		"subject":  "subject,betreff,objet,asunto,oggetto,assunto,onderwerp,тема",
		"to":       "to,an,à,para,a,aan,кому,cc,kopie,copie,копия",
	} {
		for name := range strings.SplitSeq(names, ",") {
			table[name] = kind
		}
	}
	return table
}()

func forwardHeader(line string) (kind, value string) {
	label, value, ok := strings.Cut(unquote(line), ":")
	if !ok {
		return "", ""
	}
	return forwardLabels[strings.ToLower(strings.Trim(label, " *\u00a0\t"))], strings.Trim(value, " *\u00a0\t\r")
}

// forwardHeaders reads the header lines that begin at start, and returns where
// the mail below them begins. There must be two of them, or it is start.
func forwardHeaders(lines []string, start int) (end int, from, replyTo string) {
	end = start
	for end < len(lines) && strings.TrimSpace(unquote(lines[end])) == "" {
		end++
	}
	seen := 0
	for ; end < len(lines); end++ {
		kind, value := forwardHeader(lines[end])
		switch kind {
		case "":
			if seen < 2 {
				return start, "", ""
			}
			return end, from, replyTo
		case "from":
			from = value
		case "reply-to":
			replyTo = value
		}
		seen++
	}
	return end, from, replyTo
}

// isHeaderBlock tells whether lines begin with the headers that Outlook puts
// above a forwarded mail, without a mark: from, then date and subject.
func isHeaderBlock(lines []string) bool {
	if kind, _ := forwardHeader(lines[0]); kind != "from" {
		return false
	}
	var date, subject bool
	for _, line := range lines[1:min(len(lines), 6)] {
		kind, _ := forwardHeader(line)
		date, subject = date || kind == "date", subject || kind == "subject"
	}
	return date && subject
}
