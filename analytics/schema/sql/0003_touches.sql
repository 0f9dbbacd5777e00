CREATE TABLE IF NOT EXISTS {{table "touches_log"}}{{onCluster}}
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
ENGINE = {{replacing "version"}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (workspace, visitor_id, occurred_at, touch_id)
SETTINGS {{settings}}
COMMENT 'Every click and visit; read the view touches';
{{distributed "touches_log" "cityHash64(workspace, visitor_id)"}}
