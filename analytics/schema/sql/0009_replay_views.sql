{{addColumn "leads_log" `gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out'`}}{{addColumn "contacts_log" `gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out'`}}{{addColumn "touches_log" `gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out'`}}{{addColumn "costs_log" `gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out'`}}{{addColumn "statuses_log" `gone Bool DEFAULT false COMMENT 'its delivery does not mean it any more, since a replay; the views leave it out'`}}{{addColumn "deliveries_log" `event_ids Array(String) COMMENT 'ids of the events that it meant; empty also for deliveries from before this column' CODEC(ZSTD(1))`}}
CREATE OR REPLACE VIEW {{name "leads"}}{{onCluster}} AS
SELECT
    workspace, source, lead_id, external_id, delivery_id, occurred_at, received_at, contact_id, visitor_id, verdict,
    duplicate_of, channel, utm_source, utm_medium, utm_campaign, utm_term, utm_content, gclid, fbclid, gbraid, wbraid,
    dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid, epik, yclid, ysclid, irclickid, ko_click_id,
    rb_clickid, page_url, referrer, attrs, zone, verdict_reasons, channel_inferred, tag_source, tag_medium,
    campaign_id, adgroup_id, ad_id, form_id, form_name, call_duration, call_talk_time, call_answered, call_voicemail,
    call_first, call_direction, tracking_number, recording_url, version
FROM {{name "leads_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each lead once, in its latest state; those with verdict unique are conversions';

CREATE OR REPLACE VIEW {{name "submissions"}}{{onCluster}} AS
SELECT
    workspace, lead_id, contact_id, email, phone, name, first_name, last_name, company, message, answers, received_at,
    version
FROM {{name "contacts_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Personal data of each lead, once';

CREATE OR REPLACE VIEW {{name "touches"}}{{onCluster}} AS
SELECT
    workspace, touch_id, visitor_id, occurred_at, channel, utm_source, utm_medium, utm_campaign, utm_term,
    utm_content, gclid, fbclid, gbraid, wbraid, dclid, gclsrc, msclkid, ttclid, twclid, li_fat_id, sccid, rdt_cid,
    epik, yclid, ysclid, irclickid, ko_click_id, rb_clickid, page_url, referrer, source, delivery_id, received_at,
    zone, channel_inferred, tag_source, tag_medium, version
FROM {{name "touches_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each click or visit once';

CREATE OR REPLACE VIEW {{name "costs"}}{{onCluster}} AS
SELECT
    workspace, platform, account, day, campaign, campaign_id, adgroup, adgroup_id, ad, ad_id, keyword, cost, currency,
    clicks, impressions, channel, tag_source, tag_medium, source, cost_id, delivery_id, received_at, version
FROM {{name "costs_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each cost once, in its latest state';

CREATE OR REPLACE VIEW {{name "statuses"}}{{onCluster}} AS
SELECT
    workspace, source, status_id, lead_id, external_id, contact_id, status, reason, value, currency, occurred_at,
    received_at, zone, delivery_id, version
FROM {{name "statuses_log"}} FINAL
WHERE NOT gone
SETTINGS do_not_merge_across_partitions_select_final = 0, optimize_move_to_prewhere_if_final = 0
COMMENT 'Each status change once';

CREATE OR REPLACE VIEW {{name "deliveries"}}{{onCluster}} AS
SELECT
    delivery_id, source, received_at, verdict, reason, events, body_bytes, workspace, version, event_ids
FROM {{name "deliveries_log"}} FINAL
SETTINGS do_not_merge_across_partitions_select_final = 0
COMMENT 'Each delivery once, with its latest verdict';
