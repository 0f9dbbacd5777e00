CREATE TABLE IF NOT EXISTS {{table "deliveries_log"}}{{onCluster}}
(
    delivery_id String                 COMMENT 'ULID: sorts by time of receipt',
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    verdict     LowCardinality(String) COMMENT 'accepted, duplicate, ignored or quarantined',
    reason      String                 COMMENT 'why, unless accepted' CODEC(ZSTD(1)),
    events      UInt32                 COMMENT 'events that it meant',
    body_bytes  UInt32                 COMMENT 'size of its body',
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (source, delivery_id)
SETTINGS {{settings}}
COMMENT 'What became of every delivery; read the view deliveries';
{{distributed "deliveries_log" "cityHash64(source, delivery_id)"}}
