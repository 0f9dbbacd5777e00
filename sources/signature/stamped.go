package signature

import (
	"crypto"
	"time"

	"github.com/leadgate/leadgate/ingest"
)

// Stamped checks a header of the form "t=<seconds>,v1=<hex>", which Stripe made
// known: the HMAC-SHA256 of "t.body", no older and no more ahead than the
// tolerance. Element is the name of the signature, "v1" with most senders; during
// a rotation of secrets it may stand there several times.
func Stamped(d *ingest.Delivery, header, element string, secrets []string, tolerance time.Duration) error {
	text, err := Header(d, header)
	if err != nil {
		return err
	}
	elements := Elements(text)
	stamps, signatures := elements["t"], elements[element]
	if len(stamps) != 1 {
		return refuse("the header %s must have one t", header)
	}
	claimed, err := Seconds(stamps[0])
	if err != nil {
		return err
	}
	if err := Within(d.ReceivedAt, claimed, tolerance); err != nil {
		return err
	}
	if len(signatures) == 0 {
		return refuse("the header %s has no %s", header, element)
	}
	received := make([][]byte, 0, 2)
	for _, signature := range signatures[:min(len(signatures), maxSignatures)] {
		decoded, err := Hex(signature)
		if err != nil {
			return err
		}
		received = append(received, decoded)
	}
	return anyHMAC(crypto.SHA256, secrets, received, []byte(stamps[0]+"."), d.Body)
}
