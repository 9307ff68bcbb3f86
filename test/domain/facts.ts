// Facts for tests of the domain: a device, a release, a rollout and a task in good order.

import { KNOBS_DEFAULT, type Knobs } from "../../host/cloud/domain/rollout"
import type { DeviceFacts, ReleaseFacts, RolloutFacts, TaskFacts } from "../../host/cloud/domain/types"

/** A device that runs 1.0.0. */
export const DEVICE: DeviceFacts = {
    ...{ id: "d", product: "p", attributes: { platform: "host" }, version: "1.0.0", versions: {}, versionAtS: 0 },
    ...{ claimed: true, cloud: "default", region: "", tags: [] },
}

/** Release 1.1.0 with a blank policy. */
export const RELEASE: ReleaseFacts = {
    ...{ id: "r", product: "p", module: "default", cloud: "", version: "1.1.0", policy: "", enabled: true, platform: "host" },
    ...{ requires: "", requirement: "", deltaSources: [], verified: true, expiresS: 0 },
}

/** A continuous rollout to all that runs. */
export const ROLLOUT: RolloutFacts = {
    ...{ id: "o", mode: "continuous", state: "running", scope: "all", listed: true, knobs: KNOBS_DEFAULT, createdAtS: 0 },
    ...{ joinable: true, hasRoom: true },
}

/** A task that failed. */
export const TASK: TaskFacts = {
    ...{ id: "t", rollout: "o", module: "default", version: "1.1.0", source: "1.0.0", state: "failed", attempt: 1 },
    ...{ reason: "rolled back", status: -42, retries: 0, matches: 1, dueAtS: 0 },
}

/** Knobs with some changed. */
export function knobsWith(changes: Partial<Knobs>): Knobs {
    return { ...KNOBS_DEFAULT, ...changes }
}
