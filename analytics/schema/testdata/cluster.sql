-- 0001_leads
CREATE TABLE IF NOT EXISTS leadgate.leads_log_local ON CLUSTER main
(
    workspace        LowCardinality(String)        COMMENT 'the advertiser whose data this is',
    source           LowCardinality(String)        COMMENT 'name of the configured source it came in by',
    lead_id          String                        COMMENT '32 hex digits, derived from workspace, source and the id that the sender gave',
    external_id      String                        COMMENT 'id that the sender gave',
    delivery_id      String                        COMMENT 'the delivery that last told it; see deliveries',
    occurred_at      DateTime64(6, 'UTC')          COMMENT 'when it happened, UTC',
    received_at      DateTime64(6, 'UTC')          COMMENT 'when we received this state of it, UTC; its month is the partition',
    zone             LowCardinality(String)        COMMENT 'zone or offset that the sender wrote the time in, empty if unknown',
    contact_id       String                        COMMENT 'the person; see contacts; empty for an interest',
    visitor_id       String                        COMMENT 'the browser; see touches',
    verdict          LowCardinality(String)        COMMENT 'unique, duplicate, test, spam or interest; only unique leads are conversions',
    duplicate_of     String                        COMMENT 'lead_id of the first lead of the same person',
    verdict_reasons  Array(LowCardinality(String)) COMMENT 'why it looks like spam',
    channel          LowCardinality(String)        COMMENT 'marketing channel, from tagging, click ids and referrer',
    channel_inferred Bool                          COMMENT 'the channel was read from a click id or the referrer, not from utm_source',
    tag_source       LowCardinality(String)        COMMENT 'the source that the channel rests on, after inference',
    tag_medium       LowCardinality(String)        COMMENT 'the medium that the channel rests on, after inference',
    utm_source       LowCardinality(String)        COMMENT 'utm_source as tagged',
    utm_medium       LowCardinality(String)        COMMENT 'utm_medium as tagged',
    utm_campaign     String                        COMMENT 'utm_campaign as tagged',
    utm_term         String                        COMMENT 'utm_term as tagged',
    utm_content      String                        COMMENT 'utm_content as tagged',
    gclid            String                        COMMENT 'click id of Google Ads, case kept' CODEC(ZSTD(1)),
    gbraid           String                        COMMENT 'click id of Google Ads, app and web on iOS, case kept' CODEC(ZSTD(1)),
    wbraid           String                        COMMENT 'click id of Google Ads, web on iOS, case kept' CODEC(ZSTD(1)),
    dclid            String                        COMMENT 'click id of Google Display and Video, case kept' CODEC(ZSTD(1)),
    gclsrc           String                        COMMENT 'how Google made the gclid' CODEC(ZSTD(1)),
    msclkid          String                        COMMENT 'click id of Microsoft Advertising, case kept' CODEC(ZSTD(1)),
    fbclid           String                        COMMENT 'click id of Meta, case kept' CODEC(ZSTD(1)),
    ttclid           String                        COMMENT 'click id of TikTok, case kept' CODEC(ZSTD(1)),
    twclid           String                        COMMENT 'click id of X, case kept' CODEC(ZSTD(1)),
    li_fat_id        String                        COMMENT 'click id of LinkedIn, case kept' CODEC(ZSTD(1)),
    sccid            String                        COMMENT 'click id of Snapchat, case kept' CODEC(ZSTD(1)),
    rdt_cid          String                        COMMENT 'click id of Reddit, case kept' CODEC(ZSTD(1)),
    epik             String                        COMMENT 'click id of Pinterest, case kept' CODEC(ZSTD(1)),
    yclid            String                        COMMENT 'click id of Yandex Direct, case kept' CODEC(ZSTD(1)),
    ysclid           String                        COMMENT 'click id of Yandex search, case kept' CODEC(ZSTD(1)),
    irclickid        String                        COMMENT 'click id of Impact, case kept' CODEC(ZSTD(1)),
    ko_click_id      String                        COMMENT 'click id of Kochava, case kept' CODEC(ZSTD(1)),
    rb_clickid       String                        COMMENT 'click id of VK Ads, case kept' CODEC(ZSTD(1)),
    campaign_id      String                        COMMENT 'campaign id that the ad platform told',
    adgroup_id       String                        COMMENT 'ad group or ad set id that the ad platform told',
    ad_id            String                        COMMENT 'ad id that the ad platform told',
    form_id          String                        COMMENT 'id of the form',
    form_name        String                        COMMENT 'name of the form',
    page_url         String                        COMMENT 'page that it happened on' CODEC(ZSTD(1)),
    referrer         String                        COMMENT 'page that linked there' CODEC(ZSTD(1)),
    call_duration    Nullable(Int64)               COMMENT 'seconds of the call with ringing and menus',
    call_talk_time   Nullable(Int64)               COMMENT 'seconds of conversation',
    call_answered    Nullable(Bool)                COMMENT 'somebody answered',
    call_voicemail   Nullable(Bool)                COMMENT 'it ended in voicemail',
    call_first       Nullable(Bool)                COMMENT 'first call of this caller, says the sender',
    call_direction   LowCardinality(String)        COMMENT 'inbound or outbound',
    tracking_number  String                        COMMENT 'number that was called',
    recording_url    String                        COMMENT 'where the recording is' CODEC(ZSTD(1)),
    attrs            Map(String, String)           COMMENT 'further facts of the sender, none personal' CODEC(ZSTD(1)),
    version          UInt64                        COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, lead_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every state of every lead, without personal data; read the view leads';
CREATE TABLE IF NOT EXISTS leadgate.leads_log ON CLUSTER main AS leadgate.leads_log_local
ENGINE = Distributed(main, leadgate, leads_log_local, cityHash64(workspace, lead_id));
-- 0002_contacts
CREATE TABLE IF NOT EXISTS leadgate.contacts_log_local ON CLUSTER main
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, lead_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Personal data of every lead, one row a lead; read the views contacts and submissions';
CREATE TABLE IF NOT EXISTS leadgate.contacts_log ON CLUSTER main AS leadgate.contacts_log_local
ENGINE = Distributed(main, leadgate, contacts_log_local, cityHash64(workspace, lead_id));
-- 0003_touches
CREATE TABLE IF NOT EXISTS leadgate.touches_log_local ON CLUSTER main
(
    workspace        LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source           LowCardinality(String) COMMENT 'name of the configured source it came in by',
    touch_id         String                 COMMENT '32 hex digits',
    delivery_id      String                 COMMENT 'the delivery that last told it; see deliveries',
    visitor_id       String                 COMMENT 'the browser',
    occurred_at      DateTime64(6, 'UTC')   COMMENT 'when it happened, UTC',
    received_at      DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    zone             LowCardinality(String) COMMENT 'zone or offset that the sender wrote the time in, empty if unknown',
    channel          LowCardinality(String) COMMENT 'marketing channel, from tagging, click ids and referrer',
    channel_inferred Bool                   COMMENT 'the channel was read from a click id or the referrer, not from utm_source',
    tag_source       LowCardinality(String) COMMENT 'the source that the channel rests on, after inference',
    tag_medium       LowCardinality(String) COMMENT 'the medium that the channel rests on, after inference',
    utm_source       LowCardinality(String) COMMENT 'utm_source as tagged',
    utm_medium       LowCardinality(String) COMMENT 'utm_medium as tagged',
    utm_campaign     String                 COMMENT 'utm_campaign as tagged',
    utm_term         String                 COMMENT 'utm_term as tagged',
    utm_content      String                 COMMENT 'utm_content as tagged',
    gclid            String                 COMMENT 'click id of Google Ads, case kept' CODEC(ZSTD(1)),
    gbraid           String                 COMMENT 'click id of Google Ads, app and web on iOS, case kept' CODEC(ZSTD(1)),
    wbraid           String                 COMMENT 'click id of Google Ads, web on iOS, case kept' CODEC(ZSTD(1)),
    dclid            String                 COMMENT 'click id of Google Display and Video, case kept' CODEC(ZSTD(1)),
    gclsrc           String                 COMMENT 'how Google made the gclid' CODEC(ZSTD(1)),
    msclkid          String                 COMMENT 'click id of Microsoft Advertising, case kept' CODEC(ZSTD(1)),
    fbclid           String                 COMMENT 'click id of Meta, case kept' CODEC(ZSTD(1)),
    ttclid           String                 COMMENT 'click id of TikTok, case kept' CODEC(ZSTD(1)),
    twclid           String                 COMMENT 'click id of X, case kept' CODEC(ZSTD(1)),
    li_fat_id        String                 COMMENT 'click id of LinkedIn, case kept' CODEC(ZSTD(1)),
    sccid            String                 COMMENT 'click id of Snapchat, case kept' CODEC(ZSTD(1)),
    rdt_cid          String                 COMMENT 'click id of Reddit, case kept' CODEC(ZSTD(1)),
    epik             String                 COMMENT 'click id of Pinterest, case kept' CODEC(ZSTD(1)),
    yclid            String                 COMMENT 'click id of Yandex Direct, case kept' CODEC(ZSTD(1)),
    ysclid           String                 COMMENT 'click id of Yandex search, case kept' CODEC(ZSTD(1)),
    irclickid        String                 COMMENT 'click id of Impact, case kept' CODEC(ZSTD(1)),
    ko_click_id      String                 COMMENT 'click id of Kochava, case kept' CODEC(ZSTD(1)),
    rb_clickid       String                 COMMENT 'click id of VK Ads, case kept' CODEC(ZSTD(1)),
    page_url         String                 COMMENT 'page that it happened on' CODEC(ZSTD(1)),
    referrer         String                 COMMENT 'page that linked there' CODEC(ZSTD(1)),
    version          UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, visitor_id, occurred_at, touch_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every click and visit; read the view touches';
CREATE TABLE IF NOT EXISTS leadgate.touches_log ON CLUSTER main AS leadgate.touches_log_local
ENGINE = Distributed(main, leadgate, touches_log_local, cityHash64(workspace, visitor_id));
-- 0004_costs
CREATE TABLE IF NOT EXISTS leadgate.costs_log_local ON CLUSTER main
(
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    cost_id     String                 COMMENT '32 hex digits, derived from what the cost is for',
    delivery_id String                 COMMENT 'the delivery that last told it; see deliveries',
    platform    LowCardinality(String) COMMENT 'ad platform, as in utm_source: google, facebook',
    account     LowCardinality(String) COMMENT 'account at the platform',
    day         Date                   COMMENT 'day of spend in the time zone of the account',
    tag_source  LowCardinality(String) COMMENT 'utm_source that this cost belongs to',
    tag_medium  LowCardinality(String) COMMENT 'utm_medium that this cost belongs to',
    channel     LowCardinality(String) COMMENT 'marketing channel',
    campaign    String                 COMMENT 'campaign name',
    campaign_id String                 COMMENT 'campaign id',
    adgroup     String                 COMMENT 'ad group or ad set name',
    adgroup_id  String                 COMMENT 'ad group or ad set id',
    ad          String                 COMMENT 'ad name',
    ad_id       String                 COMMENT 'ad id',
    keyword     String                 COMMENT 'keyword',
    cost        Decimal(18, 6)         COMMENT 'amount billed, in currency',
    currency    LowCardinality(String) COMMENT 'ISO 4217',
    clicks      Nullable(Int64)        COMMENT 'clicks billed, NULL if unknown',
    impressions Nullable(Int64)        COMMENT 'impressions, NULL if unknown',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, cost_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every state of every cost; read the view costs';
CREATE TABLE IF NOT EXISTS leadgate.costs_log ON CLUSTER main AS leadgate.costs_log_local
ENGINE = Distributed(main, leadgate, costs_log_local, cityHash64(workspace, cost_id));
-- 0005_statuses
CREATE TABLE IF NOT EXISTS leadgate.statuses_log_local ON CLUSTER main
(
    workspace   LowCardinality(String)   COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String)   COMMENT 'name of the configured source it came in by',
    status_id   String                   COMMENT '32 hex digits',
    delivery_id String                   COMMENT 'the delivery that last told it; see deliveries',
    lead_id     String                   COMMENT 'the lead, if named by our id',
    external_id String                   COMMENT 'the lead, if named by the id of its sender',
    contact_id  String                   COMMENT 'the person, if named by e-mail or phone',
    status      LowCardinality(String)   COMMENT 'what became of it',
    reason      String                   COMMENT 'why' CODEC(ZSTD(1)),
    value       Nullable(Decimal(18, 6)) COMMENT 'worth, in currency; NULL if unknown',
    currency    LowCardinality(String)   COMMENT 'ISO 4217',
    occurred_at DateTime64(6, 'UTC')     COMMENT 'when it happened, UTC',
    received_at DateTime64(6, 'UTC')     COMMENT 'when we received this state of it, UTC; its month is the partition',
    zone        LowCardinality(String)   COMMENT 'zone or offset that the sender wrote the time in, empty if unknown',
    version     UInt64                   COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, status_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of leads; read the view statuses';
CREATE TABLE IF NOT EXISTS leadgate.statuses_log ON CLUSTER main AS leadgate.statuses_log_local
ENGINE = Distributed(main, leadgate, statuses_log_local, cityHash64(workspace, status_id));
-- 0006_deliveries
CREATE TABLE IF NOT EXISTS leadgate.deliveries_log_local ON CLUSTER main
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (source, delivery_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of every delivery; read the view deliveries';
CREATE TABLE IF NOT EXISTS leadgate.deliveries_log ON CLUSTER main AS leadgate.deliveries_log_local
ENGINE = Distributed(main, leadgate, deliveries_log_local, cityHash64(source, delivery_id));
-- 0007_raw
CREATE TABLE IF NOT EXISTS leadgate.raw_log_local ON CLUSTER main
(
    delivery_id String                 COMMENT 'ULID; see deliveries',
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received this state of it, UTC; its month is the partition',
    raw         String                 COMMENT 'the delivery in the form of the journal' CODEC(ZSTD(3)),
    version     UInt64                 COMMENT 'the larger version of a row replaces the smaller'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (source, delivery_id)
TTL toDate(received_at) + toIntervalDay(7)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Deliveries as received, for replay; personal; deleted after their time';
CREATE TABLE IF NOT EXISTS leadgate.raw_log ON CLUSTER main AS leadgate.raw_log_local
ENGINE = Distributed(main, leadgate, raw_log_local, cityHash64(source, delivery_id));
-- 0008_views
CREATE OR REPLACE VIEW leadgate.leads ON CLUSTER main AS
SELECT
    workspace, source, lead_id, external_id, delivery_id, occurred_at, received_at, contact_id, visitor_id, verdict,
    duplicate_of, channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content, gclid, fbclid, gbraid, wbraid,
    dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid, epik, yclid, ysclid, irclickid, ko_click_id,
    rb_clickid, page_url, referrer, attrs, zone, verdict_reasons, channel_inferred, tag_source, tag_medium,
    campaign_id, adgroup_id, ad_id, form_id, form_name, call_duration, call_talk_time, call_answered, call_voicemail,
    call_first, call_direction, tracking_number, recording_url, version
FROM leadgate.leads_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each lead once, in its latest state; those with verdict unique are conversions';
CREATE OR REPLACE VIEW leadgate.submissions ON CLUSTER main AS
SELECT
    workspace, lead_id, contact_id, email, phone, name, first_name, last_name, company, message, answers, received_at,
    version
FROM leadgate.contacts_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Personal data of each lead, once';
CREATE OR REPLACE VIEW leadgate.contacts ON CLUSTER main AS
SELECT
    s.workspace AS workspace,
    s.contact_id AS contact_id,
    argMaxIf(s.email, (s.received_at, s.lead_id), s.email != '') AS email,
    argMaxIf(s.phone, (s.received_at, s.lead_id), s.phone != '') AS phone,
    argMaxIf(s.name, (s.received_at, s.lead_id), s.name != '') AS name,
    argMaxIf(s.company, (s.received_at, s.lead_id), s.company != '') AS company,
    count() AS submissions,
    min(s.received_at) AS first_received_at,
    max(s.received_at) AS last_received_at
FROM leadgate.submissions AS s
WHERE s.contact_id != ''
GROUP BY s.workspace, s.contact_id
COMMENT 'Each person once, with the latest of what is known';
CREATE OR REPLACE VIEW leadgate.touches ON CLUSTER main AS
SELECT
    workspace, touch_id, visitor_id, occurred_at, channel, utm_source, utm_medium, utm_campaign, utm_term,
    utm_content, gclid, fbclid, gbraid, wbraid, dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid,
    epik, yclid, ysclid, irclickid, ko_click_id, rb_clickid, page_url, referrer, source, delivery_id, received_at,
    zone, channel_inferred, tag_source, tag_medium, version
FROM leadgate.touches_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each click or visit once';
CREATE OR REPLACE VIEW leadgate.costs ON CLUSTER main AS
SELECT
    workspace, platform, account, day, campaign, campaign_id, adgroup, adgroup_id, ad, ad_id, keyword, cost, currency,
    clicks, impressions, channel, tag_source, tag_medium, source, cost_id, delivery_id, received_at, version
FROM leadgate.costs_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each cost once, in its latest state';
CREATE OR REPLACE VIEW leadgate.statuses ON CLUSTER main AS
SELECT
    workspace, source, status_id, lead_id, external_id, contact_id, status, reason, value, currency, occurred_at,
    received_at, zone, delivery_id, version
FROM leadgate.statuses_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each status change once';
CREATE OR REPLACE VIEW leadgate.deliveries ON CLUSTER main AS
SELECT
    delivery_id, source, received_at, verdict, reason, events, body_bytes, workspace, version
FROM leadgate.deliveries_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each delivery once, with its latest verdict';
-- 0009_replay_views
ALTER TABLE leadgate.leads_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.leads_log ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.contacts_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.contacts_log ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.touches_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.touches_log ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.costs_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.costs_log ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.statuses_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.statuses_log ON CLUSTER main ADD COLUMN IF NOT EXISTS gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out';
ALTER TABLE leadgate.deliveries_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS event_ids Array(String) COMMENT 'ids of the events that it meant; empty also for deliveries from before this column' CODEC(ZSTD(1));
ALTER TABLE leadgate.deliveries_log ON CLUSTER main ADD COLUMN IF NOT EXISTS event_ids Array(String) COMMENT 'ids of the events that it meant; empty also for deliveries from before this column';
CREATE OR REPLACE VIEW leadgate.leads ON CLUSTER main AS
SELECT
    workspace, source, lead_id, external_id, delivery_id, occurred_at, received_at, contact_id, visitor_id, verdict,
    duplicate_of, channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content, gclid, fbclid, gbraid, wbraid,
    dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid, epik, yclid, ysclid, irclickid, ko_click_id,
    rb_clickid, page_url, referrer, attrs, zone, verdict_reasons, channel_inferred, tag_source, tag_medium,
    campaign_id, adgroup_id, ad_id, form_id, form_name, call_duration, call_talk_time, call_answered, call_voicemail,
    call_first, call_direction, tracking_number, recording_url, version
FROM leadgate.leads_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each lead once, in its latest state; those with verdict unique are conversions';
CREATE OR REPLACE VIEW leadgate.submissions ON CLUSTER main AS
SELECT
    workspace, lead_id, contact_id, email, phone, name, first_name, last_name, company, message, answers, received_at,
    version
FROM leadgate.contacts_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Personal data of each lead, once';
CREATE OR REPLACE VIEW leadgate.touches ON CLUSTER main AS
SELECT
    workspace, touch_id, visitor_id, occurred_at, channel, utm_source, utm_medium, utm_campaign, utm_term,
    utm_content, gclid, fbclid, gbraid, wbraid, dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid,
    epik, yclid, ysclid, irclickid, ko_click_id, rb_clickid, page_url, referrer, source, delivery_id, received_at,
    zone, channel_inferred, tag_source, tag_medium, version
FROM leadgate.touches_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each click or visit once';
CREATE OR REPLACE VIEW leadgate.costs ON CLUSTER main AS
SELECT
    workspace, platform, account, day, campaign, campaign_id, adgroup, adgroup_id, ad, ad_id, keyword, cost, currency,
    clicks, impressions, channel, tag_source, tag_medium, source, cost_id, delivery_id, received_at, version
FROM leadgate.costs_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each cost once, in its latest state';
CREATE OR REPLACE VIEW leadgate.statuses ON CLUSTER main AS
SELECT
    workspace, source, status_id, lead_id, external_id, contact_id, status, reason, value, currency, occurred_at,
    received_at, zone, delivery_id, version
FROM leadgate.statuses_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each status change once';
CREATE OR REPLACE VIEW leadgate.deliveries ON CLUSTER main AS
SELECT
    delivery_id, source, received_at, verdict, reason, events, body_bytes, workspace, version, event_ids
FROM leadgate.deliveries_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each delivery once, with its latest verdict';
-- 0010_cost_slices_views
CREATE TABLE IF NOT EXISTS leadgate.cost_slices_log_local ON CLUSTER main
(
    workspace   LowCardinality(String) COMMENT 'the advertiser whose data this is',
    source      LowCardinality(String) COMMENT 'name of the configured source it came in by',
    slice       String                 COMMENT 'name of one day of one account at one level; see costs_log',
    delivery_id String                 COMMENT 'the delivery that told all of it; see deliveries',
    day         Date                   COMMENT 'day of spend in the time zone of the account',
    level       LowCardinality(String) COMMENT 'account, campaign, adgroup, ad or keyword',
    received_at DateTime64(6, 'UTC')   COMMENT 'when we received that delivery, UTC; its month is the partition',
    version     UInt64                 COMMENT 'costs of the slice with a smaller version are left out',
    gone        Bool DEFAULT false     COMMENT 'its delivery does not tell all of it any more, since a replay'
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version)
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, source, slice, delivery_id)
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 2592000,
    fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which deliveries told all costs of a day, account and level';
CREATE TABLE IF NOT EXISTS leadgate.cost_slices_log ON CLUSTER main AS leadgate.cost_slices_log_local
ENGINE = Distributed(main, leadgate, cost_slices_log_local, cityHash64(workspace, slice));
ALTER TABLE leadgate.costs_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS level LowCardinality(String) COMMENT 'what it is broken down to: account, campaign, adgroup, ad or keyword; empty for costs from before this column';
ALTER TABLE leadgate.costs_log ON CLUSTER main ADD COLUMN IF NOT EXISTS level LowCardinality(String) COMMENT 'what it is broken down to: account, campaign, adgroup, ad or keyword; empty for costs from before this column';
ALTER TABLE leadgate.costs_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS slice String COMMENT 'name of its day, account and level, empty for none; see cost_slices_log' CODEC(ZSTD(1));
ALTER TABLE leadgate.costs_log ON CLUSTER main ADD COLUMN IF NOT EXISTS slice String COMMENT 'name of its day, account and level, empty for none; see cost_slices_log';
CREATE OR REPLACE VIEW leadgate.cost_states ON CLUSTER main AS
SELECT
    workspace, platform, account, day, campaign, campaign_id, adgroup, adgroup_id, ad, ad_id, keyword, cost, currency,
    clicks, impressions, channel, tag_source, tag_medium, source, cost_id, delivery_id, received_at, version, level,
    slice
FROM leadgate.costs_log FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each cost once, in its latest state, also those that a later import left out';
CREATE OR REPLACE VIEW leadgate.costs ON CLUSTER main AS
SELECT
    c.workspace AS workspace, c.platform AS platform, c.account AS account, c.day AS day, c.campaign AS campaign,
    c.campaign_id AS campaign_id, c.adgroup AS adgroup, c.adgroup_id AS adgroup_id, c.ad AS ad, c.ad_id AS ad_id,
    c.keyword AS keyword, c.cost AS cost, c.currency AS currency, c.clicks AS clicks, c.impressions AS impressions,
    c.channel AS channel, c.tag_source AS tag_source, c.tag_medium AS tag_medium, c.source AS source,
    c.cost_id AS cost_id, c.delivery_id AS delivery_id, c.received_at AS received_at, c.version AS version,
    c.level AS level, c.slice AS slice
FROM leadgate.cost_states AS c
GLOBAL LEFT JOIN
(
    SELECT workspace, source, slice, max(version) AS since
    FROM leadgate.cost_slices_log FINAL
    WHERE NOT gone
    GROUP BY workspace, source, slice
) AS s ON c.workspace = s.workspace AND c.source = s.source AND c.slice = s.slice
WHERE c.version >= ifNull(s.since, 0)
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0, join_use_nulls = 0
COMMENT 'Each cost once, in its latest state, as the latest import of its day, account and level told it';
-- 0011_compact
ALTER TABLE leadgate.contacts_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.leads_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.touches_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.costs_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.cost_slices_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.statuses_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.deliveries_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
ALTER TABLE leadgate.raw_log_local ON CLUSTER main MODIFY SETTING min_bytes_for_wide_part = 134217728;
