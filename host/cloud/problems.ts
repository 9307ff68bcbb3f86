// Every error that the cloud answers with: stable codes, their HTTP status and title (RFC 9457).

/** Code → [HTTP status, title]. Codes are never renamed; docs/api.md lists them with what to do. */
export const PROBLEMS = {
    request_invalid: [400, "The request cannot be read"],
    unauthorized: [401, "No valid token"],
    device_token_wrong: [401, "Not this device's token"],
    device_unregistered: [401, "The device has no token"],
    device_mismatch: [403, "The token belongs to another device"],
    forbidden: [403, "Not allowed"],
    approval_own: [403, "Someone else has to approve"],
    image_url_invalid: [403, "The image's address is not valid"],
    image_url_expired: [403, "The image's address has expired"],
    device_unknown: [404, "Unknown device"],
    not_found: [404, "Not found"],
    update_unknown: [404, "Unknown update"],
    method_not_allowed: [405, "Method not allowed"],
    already_exists: [409, "Already exists"],
    release_in_use: [409, "The release is in use"],
    rollout_exists: [409, "The release has a dynamic rollout"],
    rollout_state: [409, "Not in this state of the rollout"],
    rollouts_too_many: [409, "Too many open rollouts"],
    task_state: [409, "Not in this state of the task"],
    group_in_use: [409, "The group is in use"],
    groups_too_many: [409, "Too many groups"],
    releases_too_many: [409, "Too many enabled releases"],
    webhooks_too_many: [409, "Too many webhooks"],
    confirmation_required: [409, "A second confirmation is needed"],
    call_unfinished: [409, "The answer to this key is not known"],
    length_required: [411, "The body's length is missing"],
    edit_conflict: [412, "Someone else changed it"],
    body_too_large: [413, "The body is too large"],
    content_type_unknown: [415, "Unknown content type"],
    range_unsatisfiable: [416, "The range lies outside the image"],
    field_invalid: [422, "A field is not valid"],
    attributes_invalid: [422, "The attributes are not valid"],
    reference_unknown: [422, "A field names something that does not exist"],
    policy_invalid: [422, "The expression cannot be read"],
    call_key_reused: [422, "The key was used for another call"],
    address_internal: [422, "The address is not a public one"],
    signature_invalid: [422, "No signature of the image holds"],
    signature_missing: [422, "The image is not signed"],
    image_invalid: [422, "The file is not an image"],
    image_mismatch: [422, "The image does not suit the release"],
    rate_limited: [429, "Too many requests"],
    internal: [500, "The cloud failed"],
    database_unavailable: [503, "The database is not available"],
    overloaded: [503, "Too many requests wait"],
} as const

/** A stable error code. */
export type ProblemCode = keyof typeof PROBLEMS

/** One field that is wrong: its path in the body, such as `scope.ids.3`, and what is expected. */
export interface ProblemIssue {
    path: string
    message: string
}

/** The body of an error answer (RFC 9457, section 3.1), with the code once more by itself. */
export interface ProblemBody {
    type: string
    title: string
    status: number
    code: ProblemCode
    detail: string
    issues?: ProblemIssue[]
}

/** An error that a caller can do something about. `detail` says what happened, why, and what to do. */
export class Problem extends Error {
    readonly status: number

    constructor(
        readonly code: ProblemCode,
        readonly detail: string,
        readonly issues?: ProblemIssue[],
        /** Seconds after which the caller may try again. */
        readonly retryAfterS?: number,
    ) {
        super(`${code}: ${detail}`)
        this.status = PROBLEMS[code][0]
    }

    /** The answer's body. */
    body(): ProblemBody {
        const [status, title] = PROBLEMS[this.code]
        const body = { type: `urn:otary:problem:${this.code}`, title, status, code: this.code, detail: this.detail }
        return this.issues === undefined ? body : { ...body, issues: this.issues }
    }
}

/** Any thrown value as a Problem; what is not one becomes `internal` and tells nothing of the inside. */
export function problemOf(error: unknown): Problem {
    if (error instanceof Problem) return error
    return new Problem("internal", "An unexpected error happened. The cloud's log has the details; try again later.")
}

/** The Problem of a thing that is not there, or not there for this tenant. */
export function notFound(what: string): Problem {
    return new Problem("not_found", `There is no such ${what}. Check the id, and that the token belongs to the right tenant.`)
}
