// Migration 5: what a million devices need: room on pages for rows that change in place, no index entries that nobody looks for.

const PARTITIONS = Array.from({ length: 8 }, (_, index) => index)

/** A check-in changes no indexed column: with room on the page its new row needs no new index entries (heap-only tuples). */
const ROOM = PARTITIONS.map(index => `alter table device_${index} set (fillfactor = 80);`).join("\n")

/** Counts and paces are a few rows that change all the time. */
const HOT_ROWS = `
alter table rollout_count set (fillfactor = 20, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
alter table rollout_pace set (fillfactor = 20);
`

/** Imported devices have no token before they register. */
const TOKENS = `
drop index device_by_token;
create index device_by_token on device (token_hash) where token_hash is not null;
`

/** The statements of migration 5. */
export const SCALE = ROOM + HOT_ROWS + TOKENS
