// Policies: expressions that say true or false of a device. Parsed and compiled once, then asked for each device.

import { checkTypes, compileRegexps } from "./check"
import { compileTree, type Evaluate, type Failure, type Run } from "./compile"
import { PolicyFault, type PolicyError } from "./error"
import { POLICIES_KEPT_MAX, POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX } from "./limits"
import type { PolicyDevice } from "./names"
import { parseText, type Parsed } from "./parser"
import { printPolicy } from "./printer"
import { nodesOf, type Place, type PolicyNode } from "./tree"
import { showValue, type PolicyValue } from "./values"

/** What a blank policy means (Ioto's rule): versions that are lower than the one on offer. */
export const BLANK_POLICY = 'semver(version, "<", newVersion)'

/** The value of one sub-expression. */
export interface TracedValue extends Place {
    /** Its canonical text. */
    readonly expression: string
    /** value: it has one. failed: the failure is its own. skipped: it was not needed, or came after a failure. */
    readonly state: "value" | "failed" | "skipped"
    /** null unless the state is "value". */
    readonly value: PolicyValue
}

/** What goes wrong while a policy is evaluated; the policy is false then. */
export interface PolicyFailure extends Place {
    /** The canonical text of the sub-expression. */
    readonly expression: string
    readonly message: string
}

/** A decision with everything that led to it. */
export interface PolicyTrace {
    readonly result: boolean
    readonly failure: PolicyFailure | null
    /** All sub-expressions but those that are written values, outermost first. */
    readonly values: readonly TracedValue[]
}

/** A decision with its reason. */
export interface PolicyExplanation {
    readonly result: boolean
    readonly sentence: string
}

/** A policy that can be asked. It keeps nothing of a device. */
export interface Policy {
    /** As written; BLANK_POLICY for a blank one. */
    readonly text: string
    readonly tree: PolicyNode
    readonly terms: number
    /** Whether it holds. Never throws; false when it fails. `newVersion` is the version on offer, "" for none. */
    holds(this: void, device: PolicyDevice, newVersion: string): boolean
    /**
     * The same decision with its reason in one sentence, such as `memory >= 512 is false: memory = 256`. Cheap enough for each
     * check-in.
     */
    explain(this: void, device: PolicyDevice, newVersion: string): PolicyExplanation
    /** The same decision, with the value of every sub-expression. */
    trace(this: void, device: PolicyDevice, newVersion: string): PolicyTrace
}

/** Outcome of parsing: an error is a value. */
export type PolicyParsed = { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly error: PolicyError }

function failureOf({ node, message }: Failure): PolicyFailure {
    return { start: node.start, end: node.end, expression: printPolicy(node), message }
}

type Trace = Policy["trace"]

/** The tracing twin of a policy: the same functions, each watched. */
function createTrace(tree: PolicyNode, regexps: ReturnType<typeof compileRegexps>): Trace {
    let seen = new Map<PolicyNode, PolicyValue>()
    const decide = compileTree(tree, {
        regexps,
        watch: (node, evaluate) => run => {
            const value = evaluate(run)
            if (run.failure === null) seen.set(node, value)
            return value
        },
    })
    const shown = nodesOf(tree).filter(({ kind }) => kind !== "literal" && kind !== "regexp")
    const texts = shown.map(printPolicy)
    return (device, newVersion) => {
        seen = new Map()
        const run = runOf(device, newVersion)
        const result = decide(run)
        const failed = run.failure
        const values = shown.map((node, index): TracedValue => {
            const { start, end } = node
            const known = seen.get(node)
            const state = known !== undefined ? "value" : node === failed?.node ? "failed" : "skipped"
            return { expression: texts[index]!, start, end, state, value: known ?? null }
        })
        return { result, failure: failed === null ? null : failureOf(failed), values }
    }
}

/** A fresh evaluation. */
function runOf(device: PolicyDevice, newVersion: string): Run {
    return { device, newVersion, failure: null }
}

/** The decision as one sentence, with the value of every name. */
function createExplain(tree: PolicyNode, decide: (run: Run) => boolean, names: ReadonlyMap<string, Evaluate>): Policy["explain"] {
    const text = printPolicy(tree)
    return (device, newVersion) => {
        const run = runOf(device, newVersion)
        const result = decide(run)
        if (run.failure !== null) {
            const { expression, message } = failureOf(run.failure)
            return { result, sentence: `${text} is false, because it fails at ${expression}: ${message}` }
        }
        const values = [...names].map(([name, evaluate]) => `${name} = ${showValue(evaluate(run))}`)
        return { result, sentence: `${text} is ${result}${values.length === 0 ? "" : `: ${values.join(", ")}`}` }
    }
}

function createPolicy(text: string, { tree, terms }: Parsed): Policy {
    checkTypes(tree)
    const regexps = compileRegexps(tree)
    const names = new Map<string, Evaluate>()
    const decide = compileTree(tree, {
        regexps,
        watch(node, evaluate) {
            if (node.kind === "name") names.set(printPolicy(node), evaluate)
            return evaluate
        },
    })
    const run = runOf({ id: "", product: "", version: "", attributes: {} }, "")
    let trace: Trace | undefined
    return {
        text,
        tree,
        terms,
        holds(device, newVersion) {
            run.device = device
            run.newVersion = newVersion
            run.failure = null
            return decide(run)
        },
        explain: createExplain(tree, decide, names),
        trace: (device, newVersion) => (trace ??= createTrace(tree, regexps))(device, newVersion),
    }
}

/**
 * Parses a policy; a blank one is BLANK_POLICY. `termsMax` is 1 to POLICY_TERMS_MAX. Never throws: a text that is no policy gives
 * an error.
 */
export function parsePolicy(text: string, termsMax = POLICY_TERMS_DEFAULT): PolicyParsed {
    const meant = text.trim() === "" ? BLANK_POLICY : text
    try {
        return { ok: true, policy: createPolicy(meant, parseText(meant, Math.min(termsMax, POLICY_TERMS_MAX))) }
    } catch (error) {
        if (error instanceof PolicyFault) return { ok: false, error: error.error }
        throw error
    }
}

const kept = new Map<string, PolicyParsed>()

/**
 * A stored policy, compiled once while it is in use. It was checked when it was stored; the setting may have been lower or higher
 * then, so that the most terms that any setting allows are taken.
 */
export function storedPolicy(text: string): PolicyParsed {
    const known = kept.get(text)
    if (known !== undefined) return known
    const parsed = parsePolicy(text, POLICY_TERMS_MAX)
    for (const oldest of kept.keys()) {
        if (kept.size < POLICIES_KEPT_MAX) break
        kept.delete(oldest)
    }
    kept.set(text, parsed)
    return parsed
}
