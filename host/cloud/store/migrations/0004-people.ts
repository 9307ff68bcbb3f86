// Migration 4: whose tokens are, who made a rollout, lists of devices by CSV, rollouts by tag, keys that images are verified with.

/** The statements of migration 4. */
export const PEOPLE = `
alter table api_token add column owner text not null default '';
alter table rollout add column created_by_person text not null default '', drop constraint rollout_scope_check,
    add constraint rollout_scope_check check (scope in ('all', 'devices', 'groups', 'regions', 'tags', 'percent'));
alter table device_import add column rollout_id text collate "C";
alter table product add column public_keys jsonb not null default '[]';
`
