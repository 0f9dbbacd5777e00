// Command benthos is Benthos, as Redpanda Connect was called until 2024, with the
// few components that the benchmark needs.
package main

import (
	"context"

	_ "github.com/ClickHouse/clickhouse-go/v2"
	_ "github.com/benthosdev/benthos/v4/public/components/io"
	_ "github.com/benthosdev/benthos/v4/public/components/pure"
	_ "github.com/benthosdev/benthos/v4/public/components/redis"
	_ "github.com/benthosdev/benthos/v4/public/components/sql/base"
	"github.com/benthosdev/benthos/v4/public/service"
)

func main() { service.RunCLI(context.Background()) }
