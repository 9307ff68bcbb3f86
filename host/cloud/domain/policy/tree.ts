// The tree of a policy: frozen nodes, told apart by `kind`, each with its place in the text.

/** Operators between two values. */
export type BinaryOperator =
    | "||" | "&&" | "==" | "!=" | "=~" | "<" | "<=" | ">" | ">=" | "^=" | "^!=" | "$=" | "$!=" | "><" | "<>"
    | "<<" | ">>" | "+" | "-" | "*" | "/" | "%" | "^" // prettier-ignore
/** Operators before a value. */
export type UnaryOperator = "!" | "-"
/** What `semver()` can ask of two versions. */
export type SemverOperator = "<" | "<=" | ">" | ">=" | "==" | "!="

/** Where a node stands: offsets in UTF-16 code units, the end not included. A node's own parentheses do not count. */
export interface Place {
    readonly start: number
    readonly end: number
}

/** A value that is written down. */
export interface LiteralNode extends Place {
    readonly kind: "literal"
    readonly value: number | string | boolean | null
}

/** A regular expression: what stands between the slashes, and its flags in the order `ims`. */
export interface RegexpNode extends Place {
    readonly kind: "regexp"
    readonly source: string
    readonly flags: string
}

/** A property of the device, or one of BUILT_IN_NAMES. */
export interface NameNode extends Place {
    readonly kind: "name"
    readonly name: string
}

/** `!a` or `-a`. */
export interface UnaryNode extends Place {
    readonly kind: "unary"
    readonly operator: UnaryOperator
    readonly operand: PolicyNode
}

/** `a + b` and its like. */
export interface BinaryNode extends Place {
    readonly kind: "binary"
    readonly operator: BinaryOperator
    readonly left: PolicyNode
    readonly right: PolicyNode
}

/** `semver(a, "<", b)`. */
export interface SemverNode extends Place {
    readonly kind: "semver"
    readonly operator: SemverOperator
    readonly left: PolicyNode
    readonly right: PolicyNode
}

/** Any node. */
export type PolicyNode = LiteralNode | RegexpNode | NameNode | UnaryNode | BinaryNode | SemverNode

/** The nodes right below a node, from left to right. */
export function childrenOf(node: PolicyNode): readonly PolicyNode[] {
    if (node.kind === "unary") return [node.operand]
    return node.kind === "binary" || node.kind === "semver" ? [node.left, node.right] : []
}

/** A node and all below it, outermost first, from left to right. */
export function nodesOf(root: PolicyNode): PolicyNode[] {
    const nodes: PolicyNode[] = []
    const visit = (node: PolicyNode): void => {
        nodes.push(node)
        childrenOf(node).forEach(visit)
    }
    visit(root)
    return nodes
}
