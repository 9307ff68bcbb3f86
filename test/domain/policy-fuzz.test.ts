// Random policies: none throws, none exceeds the bound, print and parse agree, and the trace decides as the decision does.

import fc from "fast-check"
import { compileTree, type Run } from "../../host/cloud/domain/policy/compile"
import { PolicyFault, pointAt } from "../../host/cloud/domain/policy/error"
import { parseText } from "../../host/cloud/domain/policy/parser"
import { parsePolicy } from "../../host/cloud/domain/policy/policy"
import { printPolicy } from "../../host/cloud/domain/policy/printer"
import { childrenOf, nodesOf, type PolicyNode } from "../../host/cloud/domain/policy/tree"
import { POLICY_CHARS_MAX, POLICY_TERMS_DEFAULT, POLICY_TERMS_MAX } from "../../host/cloud/domain/policy/limits"
import { randomDevice, randomText, randomTree, sourceOf, typedTree } from "./policy-random"

const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)
/** Of each of two kinds. */
const EXPRESSIONS = 50_000
const TEXTS = 30_000

/** Machines are shared. */
jest.setTimeout(60_000)
beforeAll(() => void process.stderr.write(`policies: SEED=${SEED}\n`))

/** Whether two trees are the same, places apart. */
function same(a: PolicyNode, b: PolicyNode): boolean {
    const { start: _start, end: _end, ...rest } = a
    for (const [key, value] of Object.entries(rest)) {
        const other = (b as unknown as Record<string, unknown>)[key]
        const fits =
            typeof value === "object" && value !== null ? same(value as PolicyNode, other as PolicyNode) : value === other
        if (!fits) return false
    }
    return Object.keys(a).length === Object.keys(b).length
}

/** Parses without the type check; null for an error of the text. */
function treeOf(text: string): PolicyNode | null {
    try {
        return parseText(text, POLICY_TERMS_MAX).tree
    } catch (error) {
        if (error instanceof PolicyFault) return null
        throw error
    }
}

/** How often one decision evaluates a node: counted within the compiled functions. */
function stepsOf(tree: PolicyNode, run: Run): number {
    let steps = 0
    const watch: Parameters<typeof compileTree>[1]["watch"] = (_node, evaluate) => one => {
        steps += 1
        return evaluate(one)
    }
    compileTree(tree, { regexps: new Map(), watch })(run)
    return steps
}

test("any tree, printed and parsed, is the same tree; printed again, the same text", () => {
    const source = sourceOf(SEED)
    let compared = 0
    for (let i = 0; i < EXPRESSIONS; i++) {
        const tree = randomTree(source, 1 + Math.floor(source.random() * 12))
        const text = printPolicy(tree)
        const again = treeOf(text)
        if (again === null) expect([i, text, text.length > POLICY_CHARS_MAX]).toEqual([i, text, true])
        else if (!same(again, tree) || printPolicy(again) !== text) expect([i, text, again]).toEqual([i, text, tree])
        compared += again === null ? 0 : 1
    }
    expect(compared).toBeGreaterThan(EXPRESSIONS * 0.99)
})

test("checked policies: the same when parsed again; no throw, the trace decides the same, at most one step a node", () => {
    const source = sourceOf(SEED)
    const outcomes = { true: 0, false: 0, failed: 0 }
    for (let i = 0; i < EXPRESSIONS; i++) {
        const tree = typedTree(source, 1 + Math.floor(source.random() * POLICY_TERMS_DEFAULT))
        const text = printPolicy(tree)
        const parsed = parsePolicy(text)
        if (!parsed.ok) throw new Error(`${parsed.error.code}: ${text}`)
        const { policy } = parsed
        if (!same(policy.tree, tree)) expect([i, text, policy.tree]).toEqual([i, text, tree])
        const device = randomDevice(source)
        const holds = policy.holds(device, "1.3.0")
        outcomes[`${holds}`] += 1
        if (i % 10 !== 0) continue
        const { result, failure } = policy.trace(device, "1.3.0")
        if (failure !== null) outcomes.failed += 1
        if (result !== holds) expect([i, text, device, result]).toEqual([i, text, device, holds])
        const steps = stepsOf(policy.tree, { device, newVersion: "1.3.0", failure: null })
        if (steps > nodesOf(policy.tree).length) expect([text, steps]).toEqual([text, "at most one a node"])
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(EXPRESSIONS / 50)
})

test("any text is a policy or an error with a place in it", () => {
    const source = sourceOf(SEED)
    let good = 0
    for (let i = 0; i < TEXTS; i++) {
        const text = randomText(source)
        const parsed = parsePolicy(text)
        if (parsed.ok) {
            good += 1
            parsed.policy.holds(randomDevice(source), "1.3.0")
            if (parsed.policy.terms > POLICY_TERMS_DEFAULT) throw new Error(`too many terms: ${text}`)
            continue
        }
        const { start, end } = parsed.error
        if (start < 0 || end < start || end > text.length || start > text.length) expect([text, start, end]).toBe("a place")
        expect(pointAt(text, parsed.error).split("\n")).toHaveLength(2)
    }
    expect(good).toBeGreaterThan(100)
})

test("any property whatever: no throw, and no failure of the cloud", () => {
    const text =
        'a.b == 1 || a >< "x" || a ^= "x" || a + 1 > 2 || a =~ /^x+$/ || semver(a, "<", newVersion) || -a < 3 || (a << 2) > 4 || !a'
    const parsed = parsePolicy(text)
    if (!parsed.ok) throw new Error(parsed.error.message)
    const { holds, trace } = parsed.policy
    const property = fc.property(
        fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true }),
        fc.string(),
        (a, version) => {
            const device = { id: "", product: "", version, attributes: { a } }
            expect(trace(device, version).result).toBe(holds(device, version))
        },
    )
    fc.assert(property, { seed: SEED, numRuns: 2000 })
})

test("every node's place holds its own text", () => {
    const source = sourceOf(SEED)
    let nodes = 0
    for (let i = 0; i < 1000; i++) {
        const text = printPolicy(randomTree(source, 1 + Math.floor(source.random() * 9)))
        const tree = treeOf(text)
        for (const node of tree === null ? [] : nodesOf(tree)) {
            const own = treeOf(text.slice(node.start, node.end))
            if (own === null || !same(own, node)) expect([text, own]).toEqual([text, node])
            const inside = childrenOf(node).every(child => child.start >= node.start && child.end <= node.end)
            if (!inside || !Object.isFrozen(node)) expect([text, node]).toBe("frozen, its children within")
            nodes += 1
        }
    }
    expect(nodes).toBeGreaterThan(3000)
})
