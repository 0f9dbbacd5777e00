CREATE TABLE IF NOT EXISTS {{table "contacts_log"}}{{onCluster}}
(
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    lead_id     String                 COMMENT 'the lead; see leads',
    contact_id  String                 COMMENT 'the person; empty for an interest',
    email       String                 COMMENT 'lower case',
    phone       String                 COMMENT 'E.164',
    name        String                 COMMENT 'full name as written' CODEC(ZSTD(1)),
    first_name  String                 COMMENT 'given name' CODEC(ZSTD(1)),
    last_name   String                 COMMENT 'family name' CODEC(ZSTD(1)),
    company     String                 COMMENT 'company as written' CODEC(ZSTD(1)),
    message     String                 COMMENT 'free text' CODEC(ZSTD(1)),
    answers     Map(String, String)    COMMENT 'other fields of the form' CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, lead_id)
SETTINGS {{settings}}
COMMENT 'Personal data of every lead, one row a lead; read the views contacts and submissions';
{{distributed "contacts_log" "cityHash64(workspace, lead_id)"}}
