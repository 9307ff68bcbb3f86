// Migration 3: rollouts with knobs, groups, modules, tags, regions, reported state; every task under way has a deadline.

import { hashPartitions } from "./partitions"

const FLEET = `
alter table product add choice text not null default 'version' check (choice in ('version', 'recent')),
    add modules text[] not null default '{default}';
alter table device add versions jsonb not null default '{}', add version_at timestamptz,
    add tags text[] not null default '{}', add region text collate "C" not null default '',
    add reported jsonb not null default '{}', add desired jsonb not null default '{}';
create index device_by_product on device (product_id, id);
create table device_group (
    tenant_id text collate "C" not null references tenant,
    id text collate "C" not null,
    name text not null,
    kind text not null check (kind in ('listed', 'where', 'union')),
    expression text not null default '',
    groups text[] not null default '{}',
    revision integer not null default 1,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create table group_device (
    tenant_id text collate "C" not null,
    device_id text collate "C" not null,
    group_id text collate "C" not null,
    primary key (device_id, tenant_id, group_id)
) partition by hash (device_id);
${hashPartitions("group_device")}
create index group_device_by_group on group_device (tenant_id, group_id, device_id);
`

const RELEASES = `
alter table release add module text collate "C" not null default 'default', add cloud_id text collate "C" not null default '',
    add requirement text not null default '', add needs_verification boolean not null default false,
    add verified_at timestamptz, add revision integer not null default 1;
create table release_artifact (
    release_id text collate "C" not null references release on delete cascade,
    tenant_id text collate "C" not null,
    kind text not null check (kind in ('delta', 'file')),
    name text not null,
    artifact_sha256 text collate "C" not null,
    primary key (release_id, kind, name),
    foreign key (tenant_id, artifact_sha256) references artifact
);
`

/** Rollouts of the first schema go on as what they were: continuous, running, without limits. */
const ROLLOUTS = `
alter table rollout drop constraint rollout_mode_check, drop constraint rollout_scope_check,
    add name text not null default '', add state text not null default 'running'
        check (state in ('draft', 'scheduled', 'running', 'paused', 'stopping', 'finished')),
    add outcome text check (outcome in ('success', 'failure', 'canceled', 'expired')),
    add reason text not null default '', add knobs jsonb not null default '{}', add scope_data jsonb not null default '{}',
    add created_by text not null default '', add revision integer not null default 1,
    add state_at timestamptz, add started_at timestamptz, add ended_at timestamptz,
    add total integer, add snapshot_after text collate "C", add snapshot_done boolean not null default true,
    add approvals text[] not null default '{}', add cancel_states text[] not null default '{}';
update rollout set state_at = created_at, started_at = created_at, scope_data = jsonb_build_object('kind', scope),
    knobs = '{"override": true}';
alter table rollout alter state_at set not null, add check (mode in ('snapshot', 'continuous')),
    add check (scope in ('all', 'devices', 'groups', 'regions', 'percent'));
create index rollout_open on rollout (state, id) where state <> 'finished';
create table rollout_pace (
    rollout_id text collate "C" primary key references rollout on delete cascade,
    pace jsonb not null default '{}',
    gate integer not null default 0,
    gates_approved integer not null default 0
);
insert into rollout_pace (rollout_id) select id from rollout;
/* How many devices have their last task of a rollout in a state, and how many were handed one; in shards, so that writers rarely meet. */
create table rollout_count (
    rollout_id text collate "C" not null references rollout on delete cascade,
    shard smallint not null,
    state text not null,
    n bigint not null,
    primary key (rollout_id, shard, state)
);
`

const TASKS = `
alter table task add module text collate "C" not null default 'default', add retries integer not null default 0,
    add matches integer not null default 1, add resends integer not null default 0, add latest boolean not null default true,
    add due_at timestamptz, add deadline_at timestamptz, add offered_at timestamptz,
    add progress integer not null default 0, add source text not null default '';
update task t set matches = attempt, offered_at = created_at,
    latest = not exists (select from task n where n.device_id = t.device_id and n.tenant_id = t.tenant_id
        and n.rollout_id = t.rollout_id and n.attempt > t.attempt),
    due_at = case when state = 'queued' then updated_at end,
    deadline_at = case when state in ('queued', 'offered', 'probation') then updated_at + interval '7 days' end;
insert into rollout_count (rollout_id, shard, state, n)
    select rollout_id, 0, state, count(*) from task where latest group by rollout_id, state
    union all select rollout_id, 0, 'devices', count(distinct (tenant_id, device_id)) from task group by rollout_id
    union all select rollout_id, 0, 'pushed', count(*) from task group by rollout_id;
drop index task_active;
create unique index task_active on task (device_id, tenant_id, module)
    where state in ('awaiting', 'queued', 'offered', 'working', 'probation');
create index task_queue on task (rollout_id, due_at, device_id) where state = 'queued';
create index task_deadline on task (deadline_at) where deadline_at is not null;
alter table task add check ((deadline_at is not null) = (state in ('awaiting', 'queued', 'offered', 'working', 'probation')));
`

/** The statements of migration 3. */
export const ROLLOUT_SCHEMA = FLEET + RELEASES + ROLLOUTS + TASKS
