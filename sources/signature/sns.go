package signature

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/leadgate/leadgate/ingest"
)

// SNSMessage is the envelope of Amazon SNS, as it is posted to an endpoint.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type SNSMessage struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Subject          *string
	Message          string
	Timestamp        string
	Token            string
	SubscribeURL     string
	SignatureVersion string
	Signature        string
	SigningCertURL   string // also as SigningCertUrl: encoding/json does not mind
}

// The types of SNS messages.
const (
	SNSNotification = "Notification"
	SNSSubscribe    = "SubscriptionConfirmation"
	SNSUnsubscribe  = "UnsubscribeConfirmation"
)

var snsHost = regexp.MustCompile(`^sns\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)

// SNSAddress tells whether an address is one of Amazon SNS's own: https, its
// host in some region, and no port.
func SNSAddress(u *url.URL) bool {
	return u.Scheme == "https" && u.User == nil && u.Opaque == "" && snsHost.MatchString(u.Host)
}

// region returns where an address of SNS is, "" if it is none.
func snsRegion(address string) (u *url.URL, region string) {
	u, err := url.Parse(address)
	if err != nil || !SNSAddress(u) {
		return nil, ""
	}
	return u, snsHost.FindStringSubmatch(u.Host)[1]
}

// SNS checks the signature of a message of one of the topics. The address of
// the certificate and all that costs nothing are checked before the store is
// asked for it. Errors: ErrUnverified, ErrUnavailable (wrapped).
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
func SNS(m *SNSMessage, topics []string, certificates ingest.CertificateStore) error {
	configured := false
	for _, topic := range topics {
		configured = configured || topic == m.TopicARN
	}
	if !configured {
		return refuse("its topic is none of options.topics")
	}
	var algorithm crypto.Hash
	switch m.SignatureVersion {
	case "1":
		algorithm = crypto.SHA1
	case "2":
		algorithm = crypto.SHA256
	default:
		return refuse("the SignatureVersion is not 1 or 2")
	}
	received, err := Base64(m.Signature)
	if err != nil {
		return err
	}
	// arn:aws:sns:eu-west-1:111122223333:leads
	u, region := snsRegion(m.SigningCertURL)
	if arn := strings.Split(m.TopicARN, ":"); u == nil || !strings.HasSuffix(u.Path, ".pem") || u.RawQuery != "" ||
		len(arn) != 6 || arn[3] != region {
		return refuse("SigningCertURL is not an address of Amazon SNS in the topic's region")
	}
	signed, err := snsText(m)
	if err != nil {
		return err
	}
	if certificates == nil {
		return fmt.Errorf("%w: nobody fetches certificates here", ingest.ErrUnavailable)
	}
	certificate, err := certificates.Certificate(m.SigningCertURL)
	if err != nil {
		return err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return refuse("the certificate holds no RSA key")
	}
	for _, text := range signed {
		if rsa.VerifyPKCS1v15(key, algorithm, snsDigest(algorithm, text), received) == nil {
			return nil
		}
	}
	return refuse("the signature does not match")
}

func snsDigest(algorithm crypto.Hash, text string) []byte {
	if algorithm == crypto.SHA1 {
		digest := sha1.Sum([]byte(text)) // SignatureVersion 1, the default of a topic
		return digest[:]
	}
	digest := sha256.Sum256([]byte(text))
	return digest[:]
}

// snsText returns what is signed: names and values on lines of their own, in
// the order of the names. Amazon's own validators differ in whether the Token
// of an UnsubscribeConfirmation is part of it, so either will do: nothing is
// made of it.
func snsText(m *SNSMessage) ([]string, error) {
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", m.Message)
	add("MessageId", m.MessageID)
	switch m.Type {
	case SNSNotification:
		if m.Subject != nil {
			add("Subject", *m.Subject)
		}
		add("Timestamp", m.Timestamp)
		add("TopicArn", m.TopicARN)
		add("Type", m.Type)
		return []string{b.String()}, nil
	case SNSSubscribe, SNSUnsubscribe:
		add("SubscribeURL", m.SubscribeURL)
		add("Timestamp", m.Timestamp)
		before := b.String()
		rest := "TopicArn\n" + m.TopicARN + "\nType\n" + m.Type + "\n"
		texts := []string{before + "Token\n" + m.Token + "\n" + rest}
		if m.Type == SNSUnsubscribe {
			texts = append(texts, before+rest)
		}
		return texts, nil
	}
	return nil, refuse("its Type is none that Amazon SNS has")
}

// SNSConfirmation returns the address that confirms a verified subscription:
// only one of Amazon SNS's own, in the topic's region.
func SNSConfirmation(m *SNSMessage) (address string, ok bool) {
	if m.Type != SNSSubscribe {
		return "", false
	}
	u, region := snsRegion(m.SubscribeURL)
	arn := strings.Split(m.TopicARN, ":")
	if u == nil || len(arn) != 6 || arn[3] != region {
		return "", false
	}
	return u.String(), true
}
