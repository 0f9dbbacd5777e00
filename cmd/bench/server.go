package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"
)

// These are the small servers that Leadgate is compared with. They run in a
// process of their own: "bench server NAME ADDR [CLICKHOUSE REDIS]".

// lead is what the scripts read of a delivery.
type lead struct {
	ID      string `json:"id"`
	Email   string `json:"email"`
	Phone   string `json:"phone"`
	Name    string `json:"name"`
	PageURL string `json:"page_url"`
}

// writers is how many insert at once. The engine refuses more than 64 queries,
// its own among them, and being refused is no result.
const writers = 48

const insertLead = "INSERT INTO default.bench_leads (id, email, phone, name, page_url, received_at, raw)"

func runServer(args []string) error {
	if len(args) != 2 && len(args) != 4 {
		return errors.New("server NAME ADDR [CLICKHOUSE REDIS]")
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadBufferSize: 16 << 10})
	app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok") })
	handler := map[string]func(*stores) fiber.Handler{
		"empty":   func(*stores) fiber.Handler { return func(c *fiber.Ctx) error { return c.SendStatus(200) } },
		"decode":  func(*stores) fiber.Handler { return decodeOnly },
		"insert":  claimAndInsert,
		"channel": channelAndBatcher,
	}[args[0]]
	if handler == nil {
		return fmt.Errorf("server: there is no %q", args[0])
	}
	var s *stores
	if len(args) == 4 {
		var err error
		if s, err = openStores(args[2], args[3]); err != nil {
			return err
		}
	}
	app.Post("/", handler(s))
	return app.Listen(args[1])
}

// stores are what a script writes to.
type stores struct {
	clickhouse driver.Conn
	redis      *redis.Client
}

func openStores(url, redisAt string) (*stores, error) {
	options, err := clickhouse.ParseDSN(url)
	if err != nil {
		return nil, err
	}
	options.MaxOpenConns, options.MaxIdleConns = writers, writers
	conn, err := clickhouse.Open(options)
	return &stores{clickhouse: conn, redis: redis.NewClient(&redis.Options{Addr: redisAt, PoolSize: 64})}, err
}

// decodeOnly reads and decodes the body, the least that anything must do.
func decodeOnly(c *fiber.Ctx) error {
	var body map[string]any
	if err := json.Unmarshal(c.Body(), &body); err != nil {
		return c.SendStatus(400)
	}
	return c.SendStatus(200)
}

func (s *stores) insert(ctx context.Context, leads []lead, raws []string) error {
	batch, err := s.clickhouse.PrepareBatch(ctx, insertLead)
	if err != nil {
		return err
	}
	for i := range leads {
		l := &leads[i]
		if err := batch.Append(l.ID, l.Email, l.Phone, l.Name, l.PageURL, time.Now(), raws[i]); err != nil {
			return err
		}
	}
	return batch.Send()
}

// claimAndInsert is the script that everybody writes: SETNX, then a row.
func claimAndInsert(s *stores) fiber.Handler {
	return func(c *fiber.Ctx) error {
		var l lead
		body := string(c.Body())
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			return c.SendStatus(400)
		}
		ctx := context.Background()
		if fresh, err := s.redis.SetNX(ctx, "seen:"+l.ID, 1, 24*time.Hour).Result(); err != nil {
			return c.SendStatus(500)
		} else if !fresh {
			return c.SendStatus(200)
		}
		if err := s.insert(ctx, []lead{l}, []string{body}); err != nil {
			return c.SendStatus(500)
		}
		return c.SendStatus(200)
	}
}

// channelAndBatcher answers at once and inserts behind the answer, so that what
// is in memory is lost with the process.
func channelAndBatcher(s *stores) fiber.Handler {
	type item struct {
		lead lead
		raw  string
	}
	queue := make(chan item, 100_000)
	go func() {
		var leads []lead
		var raws []string
		flush := time.NewTicker(200 * time.Millisecond)
		send := func() {
			if len(leads) > 0 && s.insert(context.Background(), leads, raws) == nil {
				leads, raws = leads[:0], raws[:0]
			}
		}
		for {
			select {
			case i := <-queue:
				if leads, raws = append(leads, i.lead), append(raws, i.raw); len(leads) >= 10_000 {
					send()
				}
			case <-flush.C:
				send()
			}
		}
	}()
	return func(c *fiber.Ctx) error {
		i := item{raw: string(c.Body())}
		if err := json.Unmarshal([]byte(i.raw), &i.lead); err != nil {
			return c.SendStatus(400)
		}
		queue <- i
		return c.SendStatus(200)
	}
}
