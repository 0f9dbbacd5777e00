package signature

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // the hashes that senders use
	_ "crypto/sha256"
	_ "crypto/sha512"
	"hash"
	"sync"
)

// macs are HMACs that have taken in their key, by hash and key: that is half of
// the work for a short message. Keys are configured, so they are few.
var macs sync.Map // of *sync.Pool of hash.Hash

type keyed struct {
	hash crypto.Hash
	key  string
}

// macOf returns the HMAC of the concatenated parts under a key.
func macOf(algorithm crypto.Hash, key string, parts ...[]byte) []byte {
	found, ok := macs.Load(keyed{algorithm, key})
	if !ok {
		found, _ = macs.LoadOrStore(keyed{algorithm, key}, new(sync.Pool))
	}
	pool := found.(*sync.Pool)
	mac, ok := pool.Get().(hash.Hash)
	if !ok {
		mac = hmac.New(algorithm.New, []byte(key))
	}
	defer pool.Put(mac)
	mac.Reset()
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}
