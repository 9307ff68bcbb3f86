// Migration 2: who may do what, who did what, and what goes out: tokens with roles, actors, webhooks, repeated calls, imports.

const TOKENS = `
alter table api_token
    add column name text not null default '',
    add column grants jsonb not null default '[]',
    add column expires_at timestamptz,
    add column revoked_at timestamptz;
create index api_token_by_tenant on api_token (tenant_id, id);
`

/** The operator behind a change; null for what devices and the cloud itself do. Like the rest of an event it never changes. */
const ACTORS = `
alter table event add column actor jsonb;
create index event_by_actor on event (tenant_id, xid, id) where actor is not null;
drop trigger event_append_only on event;
create trigger event_append_only before delete or update of id, tenant_id, at, type, device_id, data, actor on event
    for each statement execute function event_refuse_change();
`

/** \`position\` is the cursor of the last event that was delivered, \`next_at\` the time of the next attempt. */
const WEBHOOKS = `
create table webhook (
    tenant_id text collate "C" not null references tenant,
    id text collate "C" not null,
    url text not null,
    types jsonb not null,
    description text not null,
    enabled boolean not null,
    position text,
    failures integer not null,
    last_error text not null,
    next_at timestamptz not null,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create index webhook_due on webhook (next_at) where enabled;
`

/** A call that was made once: \`answer\` is null until it is known, and is sealed with the caller's token. */
const REPEATED_CALLS = `
create table repeated_call (
    token_id text collate "C" not null,
    key text collate "C" not null,
    fingerprint bytea not null,
    status integer,
    answer bytea,
    created_at timestamptz not null,
    primary key (token_id, key)
);
create index repeated_call_by_age on repeated_call (created_at);
`

const IMPORTS = `
create table device_import (
    tenant_id text collate "C" not null references tenant,
    id text collate "C" not null,
    product_id text collate "C" not null,
    group_id text collate "C",
    state text not null check (state in ('running', 'done', 'failed')),
    total integer not null,
    created integer not null,
    existing integer not null,
    invalid integer not null,
    reason text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id)
);
create table device_import_invalid (
    tenant_id text collate "C" not null,
    import_id text collate "C" not null,
    line integer not null,
    name text not null,
    reason text not null,
    primary key (tenant_id, import_id, line),
    foreign key (tenant_id, import_id) references device_import on delete cascade
);
`

/** Whether the releases of a product must be signed images. */
const SIGNATURES = `
alter table product
    add column signature_required boolean not null default false;
`

/** The statements of migration 2. */
export const ACCESS = TOKENS + ACTORS + WEBHOOKS + REPEATED_CALLS + IMPORTS + SIGNATURES
