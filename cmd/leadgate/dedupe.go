package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/leadgate/leadgate/analytics/clickhouse"
)

func (a *app) dedupeCommand() *cobra.Command {
	rebuild := &cobra.Command{
		Use: "rebuild", Short: "Fill Redis from ClickHouse", Args: cobra.NoArgs,
		Long: `Rebuild fills the memory of events and persons in redis.url from ClickHouse. The
gateway does so by itself when it finds Redis empty; this is for an operator who
wants it done now. It keeps what Redis knows already, and may run beside the
gateway.`,
		Example: "  leadgate dedupe rebuild --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(s *Settings, conn *clickhouse.Conn) error {
				if s.RedisURL == "" {
					return errors.New("redis.url is empty: the embedded Redis is filled whenever the gateway starts")
				}
				client, err := redisClient(s.RedisURL)
				if err != nil {
					return err
				}
				err = s.memory(client, time.Now).Rebuild(cmd.Context(), clickhouse.NewLoader(conn))
				if err == nil {
					fmt.Fprintln(a.stdout, "the memory of events is rebuilt")
				}
				return errors.Join(err, client.Close())
			})
		},
	}
	return group("dedupe", "Look after the memory of events in Redis", rebuild)
}
