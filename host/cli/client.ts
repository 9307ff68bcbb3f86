// Calls of the cloud's API.

import type { Artifact, Page } from "./api-types"
import { ApiError, CliError } from "./cli-error"
import type { Io } from "./io"
import { readAdminToken, readLocalCloud } from "./local-cloud"

/** Filters of a list. */
type Query = Readonly<Record<string, string | undefined>>

/** A cloud as commands see it. Every call throws ApiError for what the cloud refuses and CliError when there is no answer. */
export interface Client {
    readonly url: string
    /** One call; `path` begins behind /api/v1. An answer without a body is undefined. */
    call<Answer>(this: void, method: string, path: string, body?: unknown): Promise<Answer>
    /** Every item of a list, page by page. `query` are filters; those that are undefined count as absent. */
    list<Item>(this: void, path: string, query?: Query): Promise<Item[]>
    /** Uploads an image, for a product whose signatures it must have when one is named. */
    upload(this: void, image: Uint8Array, product?: string): Promise<Artifact>
    /** A call whose body or answer is a stream; it ends when `signal` aborts. */
    open(this: void, method: string, path: string, options?: StreamOptions): Promise<Response>
}

/** What a call with streams sends. */
export interface StreamOptions {
    /** The body and its media type. */
    readonly body?: ReadableStream
    readonly type?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
}

/** Where a client calls, and as whom. */
export interface ClientOptions {
    readonly url: string
    readonly token: string
    /** Aborts calls under way. */
    readonly signal?: AbortSignal | undefined
}

/** Longest wait for an answer; an upload of the largest image fits. */
const ANSWER_MS_MAX = 120_000
/** Items of a page (docs/api.md: 500 at most). */
const PAGE_ITEMS = "500"
/** Pages of one list: a server that never ends its list must not keep a command for ever. */
const PAGES_MAX = 10_000
/** Issues of a refusal that are shown. */
const ISSUES_MAX = 10

/** RFC 9457 with the API's extensions. */
interface Problem {
    readonly code: string
    readonly title: string
    readonly detail: string
    readonly issues?: readonly { readonly path: string; readonly message: string }[]
}

function isProblem(value: unknown): value is Problem {
    const { code, detail } = (value ?? {}) as Partial<Problem>
    return typeof code === "string" && typeof detail === "string"
}

function noAnswer(url: string, error: unknown): CliError {
    const { cause, message } = error as Error
    const why = cause instanceof Error && cause.message !== "" ? cause.message : message
    const hint = "start one with `otary cloud`, or name its address with --cloud or OTARY_CLOUD"
    return new CliError("CLI_CLOUD_UNREACHABLE", `no cloud answers at ${url}: ${why}`, hint)
}

function refusal(problem: Problem): ApiError {
    const issues = (problem.issues ?? []).slice(0, ISSUES_MAX).map(({ path, message }) => `${path}: ${message}`)
    return new ApiError(problem.code, problem.title, [problem.detail, ...issues].join("\n"))
}

async function readAnswer(url: string, response: Response): Promise<unknown> {
    const text = await response.text()
    let value: unknown
    try {
        value = text === "" ? undefined : JSON.parse(text)
    } catch {
        value = text
    }
    if (response.ok && typeof value !== "string") return value
    if (isProblem(value)) throw refusal(value)
    const message = `${url} does not answer as Otary's API: HTTP status ${response.status}`
    throw new CliError("CLI_CLOUD_ANSWER", message, "check the address, and proxies on the way")
}

/** Creates a client. */
export function createClient({ url, token, signal }: ClientOptions): Client {
    const send = async (method: string, path: string, type: string, body?: string | Uint8Array): Promise<unknown> => {
        const timeout = AbortSignal.timeout(ANSWER_MS_MAX)
        const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": type }) }
        const init = { method, headers, body, signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) }
        try {
            return await readAnswer(url, await fetch(`${url}/api/v1${path}`, init))
        } catch (error) {
            if (error instanceof CliError || error instanceof ApiError) throw error
            throw noAnswer(url, error)
        }
    }
    const open: Client["open"] = async (method, path, options = {}) => {
        const headers = {
            authorization: `Bearer ${token}`,
            ...(options.type && { "content-type": options.type }),
            ...options.headers,
        }
        const init = { method, headers, body: options.body, signal: options.signal ?? signal, duplex: "half" }
        try {
            const response = await fetch(`${url}/api/v1${path}`, init as RequestInit)
            if (!response.ok) await readAnswer(url, response)
            return response
        } catch (error) {
            if (error instanceof CliError || error instanceof ApiError) throw error
            throw noAnswer(url, error)
        }
    }
    const call: Client["call"] = <Answer>(method: string, path: string, body?: unknown) =>
        send(method, path, "application/json", body === undefined ? undefined : JSON.stringify(body)) as Promise<Answer>
    return {
        url,
        call,
        async list<Item>(path: string, query: Query = {}) {
            const items: Item[] = []
            const filters = Object.entries(query).filter((filter): filter is [string, string] => filter[1] !== undefined)
            let cursor: string | null = ""
            for (let pages = 0; pages < PAGES_MAX && cursor !== null; pages++) {
                const parameters = new URLSearchParams({
                    ...Object.fromEntries(filters),
                    limit: PAGE_ITEMS,
                    ...(cursor !== "" && { cursor }),
                })
                const page: Page<Item> = await call("GET", `${path}?${parameters.toString()}`)
                items.push(...page.items)
                cursor = page.next
            }
            return items
        },
        upload: (image, product) => {
            const query = product === undefined ? "" : `?product=${encodeURIComponent(product)}`
            return send("POST", `/artifacts${query}`, "application/zip", image) as Promise<Artifact>
        },
        open,
    }
}

/** Options of commands that call a cloud. */
export interface CloudOptions {
    readonly cloud?: string
    readonly token?: string
}

function checkUrl(url: string): string {
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "")
    throw new CliError("CLI_USAGE", `the cloud's address "${url}" is no URL of http or https`, "give it as http://HOST:PORT")
}

/**
 * The client of a command: the cloud that it names, that OTARY_CLOUD names, or that runs in this folder; with its token, OTARY_TOKEN,
 * or that of the cloud in this folder, which is sent to that cloud only. Throws CliError.
 */
export function connect({ env, cwd }: Io, options: CloudOptions): Client {
    const local = readLocalCloud(cwd)
    const named = options.cloud ?? env["OTARY_CLOUD"] ?? local?.url
    if (named === undefined || named === "") {
        const hint = "start one here with `otary cloud`, or name one with --cloud or OTARY_CLOUD"
        throw new CliError("CLI_CLOUD_UNKNOWN", "no cloud is named, and none runs in this folder", hint)
    }
    const url = checkUrl(named)
    const own = local?.url === url ? readAdminToken(local.data) : ""
    const token = options.token ?? env["OTARY_TOKEN"] ?? own
    if (/^[!-~]+$/.test(token)) return createClient({ url, token })
    const hint = "give one with --token or OTARY_TOKEN; the first one stands in admin.token in the cloud's data folder"
    throw new CliError("CLI_TOKEN_MISSING", `there is no usable API token for ${url}`, hint)
}
