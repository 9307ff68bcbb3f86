// Migration 1: the nouns of the cloud. Devices, tasks and scopes are hash-partitioned by device.

const PARTITIONS = 8

/** The partitions of a table, by hash of its partition key. */
function partitions(table: string): string {
    const one = (index: number): string =>
        `create table ${table}_${index} partition of ${table} for values with (modulus ${PARTITIONS}, remainder ${index});`
    return Array.from({ length: PARTITIONS }, (_, index) => one(index)).join("\n")
}

const NOUNS = `
create table tenant (
    id text collate "C" primary key,
    name text not null,
    created_at timestamptz not null
);
create table cloud (
    tenant_id text collate "C" not null references tenant,
    id text collate "C" not null,
    name text not null,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create table product (
    id text collate "C" primary key,
    tenant_id text collate "C" not null references tenant,
    name text not null,
    auto_claim boolean not null,
    register_by_id boolean not null,
    token_hash bytea unique,
    created_at timestamptz not null
);
create table artifact (
    tenant_id text collate "C" not null references tenant,
    sha256 text collate "C" not null,
    size_bytes integer not null,
    manifest jsonb not null,
    created_at timestamptz not null,
    primary key (tenant_id, sha256)
);
create table release (
    id text collate "C" primary key,
    tenant_id text collate "C" not null references tenant,
    product_id text collate "C" not null references product,
    version text not null,
    policy text not null,
    description text not null,
    commit_ref text not null,
    enabled boolean not null,
    artifact_sha256 text collate "C" not null,
    created_at timestamptz not null,
    foreign key (tenant_id, artifact_sha256) references artifact
);
create index release_by_product on release (product_id, id);
create table rollout (
    id text collate "C" primary key,
    tenant_id text collate "C" not null references tenant,
    release_id text collate "C" not null references release,
    mode text not null check (mode in ('continuous')),
    scope text not null check (scope in ('all', 'devices')),
    created_at timestamptz not null
);
create index rollout_by_release on rollout (release_id);
create table api_token (
    id text collate "C" primary key,
    tenant_id text collate "C" not null references tenant,
    role text not null,
    token_hash bytea not null unique,
    created_at timestamptz not null
);
create table setting (
    key text collate "C" primary key,
    value text not null
);
`

const BY_DEVICE = `
create table device (
    tenant_id text collate "C" not null,
    id text collate "C" not null,
    product_id text collate "C" not null references product,
    cloud_id text collate "C" not null,
    attributes jsonb not null,
    version text not null,
    claimed boolean not null,
    token_hash bytea,
    token_holder text check (token_holder in ('device', 'operator')),
    token_used boolean not null,
    created_at timestamptz not null,
    last_seen_at timestamptz,
    primary key (id, tenant_id)
) partition by hash (id);
${partitions("device")}
create index device_by_tenant on device (tenant_id, id);
create index device_by_token on device (token_hash);

create table rollout_device (
    tenant_id text collate "C" not null,
    device_id text collate "C" not null,
    rollout_id text collate "C" not null references rollout,
    primary key (device_id, tenant_id, rollout_id)
) partition by hash (device_id);
${partitions("rollout_device")}
create index rollout_device_by_rollout on rollout_device (rollout_id, device_id);

create table task (
    tenant_id text collate "C" not null,
    device_id text collate "C" not null,
    id text collate "C" not null,
    rollout_id text collate "C" not null references rollout,
    version text not null,
    state text not null,
    attempt integer not null check (attempt > 0),
    reason text not null,
    status integer,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (device_id, tenant_id, id)
) partition by hash (device_id);
${partitions("task")}
create unique index task_active on task (device_id, tenant_id) where state in ('queued', 'offered', 'probation');
create unique index task_attempt on task (device_id, tenant_id, rollout_id, attempt);
create index task_by_rollout on task (rollout_id, state);
create index task_by_tenant on task (tenant_id, id);
`

/**
 * Events in the order of commits: \`xid\` is the transaction that wrote a row. A reader stops at the oldest transaction that is
 * still open, so that nothing appears later before a cursor that it has handed out.
 */
const EVENTS = `
create table event (
    id bigint generated always as identity primary key,
    xid xid8 not null default pg_current_xact_id(),
    tenant_id text collate "C" not null,
    at timestamptz not null,
    type text not null,
    device_id text collate "C",
    data jsonb not null
);
create index event_by_tenant on event (tenant_id, xid, id);
create index event_by_type on event (tenant_id, type, xid, id);
create index event_by_device on event (tenant_id, device_id, xid, id) where device_id is not null;
create function event_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are only ever added';
end $$;
create trigger event_append_only before delete or update of id, tenant_id, at, type, device_id, data on event
    for each statement execute function event_refuse_change();
`

/** The statements of migration 1. */
export const FIRST = NOUNS + BY_DEVICE + EVENTS
