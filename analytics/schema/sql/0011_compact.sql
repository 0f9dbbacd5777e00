{{/* A part is two files up to 128 MiB, not three a column from 10 MiB on: making and deleting files was a fifth of what a row cost the server. */ -}}
{{setting "contacts_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "leads_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "touches_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "costs_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "cost_slices_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "statuses_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "deliveries_log" "min_bytes_for_wide_part = 134217728"}}
{{setting "raw_log" "min_bytes_for_wide_part = 134217728"}}
