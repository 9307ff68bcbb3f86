// Lint rule: firmware keeps to what every engine has: Espruino's JavaScript, and Lua 5.1 and 5.3 through typescript-to-lua.

"use strict"

const { isBoolean, isString } = require("./types.cjs")

/** Syntax that one of the engines lacks or gets wrong: selector → what to say. */
const SYNTAX = {
    AssignmentPattern: "default values of parameters are missing in Espruino; test for undefined",
    RestElement: "rest parameters are missing in Espruino",
    SpreadElement: "spread is missing in Espruino",
    ":matches(ObjectPattern, ArrayPattern)": "destructuring is missing in Espruino; name the fields",
    ChainExpression: "`?.` is missing in Espruino; test for undefined",
    "LogicalExpression[operator='??']": "`??` makes a closure in Lua; test for undefined",
    "BinaryExpression[operator='**']": "`**` is missing in Espruino",
    "AssignmentExpression[operator=/^(\\*\\*|\\?\\?|\\|\\||&&)=$/]": "this assignment is missing in Espruino; write it out",
    LabeledStatement: "labels are missing in Espruino",
    ContinueStatement: "`continue` becomes goto, which Lua 5.1 lacks; use if",
    ":function[async=true]": "async functions are missing in Espruino",
    ":function[generator=true]": "generators are missing in Espruino",
    "Property[computed=true]": "computed keys are missing in Espruino; assign afterwards",
    ":matches(ClassDeclaration, ClassExpression)": "classes need a library in Lua; use module variables and functions",
    ThisExpression: "`this` needs a library in Lua; use module variables",
    NewExpression: "`new` needs a library in Lua",
    MetaProperty: "`new.target` and `import.meta` are missing in Espruino",
    TSEnumDeclaration: "enums make objects; use constants",
    "Literal[bigint]": "big integers are missing in Espruino",
    "Literal[regex]": "regular expressions are missing in Lua",
    TaggedTemplateExpression: "tagged templates are missing in Espruino",
    TemplateLiteral: "template literals need a library in Lua; join with +",
    "BinaryExpression[operator='>>']": "`>>` differs on Lua 5.3; use >>> by a constant",
    "AssignmentExpression[operator=/^>>>?=$/]": "write the shift out, by >>> and a constant",
    "SwitchCase[test=null]:not(:last-child)": "a case behind `default` is not parsed by Espruino",
    "AssignmentExpression[left.property.name='length']": "setting a length throws in Espruino",
    ":matches(ForStatement, ForInStatement, ForOfStatement, WhileStatement, DoWhileStatement) :function":
        "functions made in a loop share its variables in Espruino",
}

/** Globals that one of the engines lacks, or that a port stands for. */
const GLOBALS = new Set(
    `Map Set WeakMap WeakSet WeakRef Symbol Proxy Reflect Promise BigInt TextEncoder TextDecoder RegExp Date Intl JSON Buffer
    process console setTimeout setInterval clearTimeout clearInterval setImmediate queueMicrotask globalThis require fetch
    crypto structuredClone`.split(/\s+/),
)
/** Functions of globals that Espruino lacks. */
const MEMBERS = new Set(
    `Math.imul Math.trunc Math.clz32 Math.fround Math.pow Number.isInteger Number.isNaN Number.isSafeInteger Object.freeze
    Object.fromEntries Array.from`.split(/\s+/),
)
/** Words that Espruino reserves. */
const RESERVED = new Set(["of", "static"])

/** Whether `>>>` shifts by a constant of 1 to 31: then its result is below 2^31 on every engine. */
function shiftsSafely({ right }) {
    return right.type === "Literal" && right.value >= 1 && right.value <= 31
}

/** Whether a `// why:` comment right ahead of a statement answers for it. */
function saysWhy(sourceCode, node) {
    return sourceCode.getCommentsBefore(node).some(({ value }) => /^\s*why:\s*\S/.test(value))
}

/** Uses, while the module is loaded, of a name that is declared further down: Espruino does not hoist. */
function reportEarlyUses(context, program) {
    const { scopes } = context.sourceCode.scopeManager
    for (const scope of scopes.filter(({ type }) => type === "module" || type === "global")) {
        for (const { identifier, resolved, isTypeReference } of scope.references) {
            const declared = resolved?.defs[0]?.name
            if (isTypeReference || declared === undefined || declared.range[0] <= identifier.range[0]) continue
            if (resolved.scope.block === program)
                context.report({ node: identifier, messageId: "early", data: { name: identifier.name } })
        }
    }
}

/** Listeners that need to look at more than a node's shape. */
function judgements(context, say) {
    const mustBeBoolean = node => {
        if (node && isBoolean(context, node) === false)
            say(node, '0, "" and null are true or false depending on the engine; compare')
    }
    return {
        "BinaryExpression[operator='>>>']"(node) {
            if (!shiftsSafely(node)) say(node, "`>>>` by anything but a constant of 1 to 31 can reach 2^31")
        },
        "BinaryExpression[operator='/'], AssignmentExpression[operator='/=']"(node) {
            if (!context.options[0]?.divides)
                say(node, "`/` makes fractions on some engines; shift, or use a function of bytes.ts")
        },
        TryStatement(node) {
            if (!saysWhy(context.sourceCode, node))
                say(node, "try makes closures in Lua; if there is no other way, say so: // why: …")
        },
        Literal(node) {
            if (typeof node.value === "number" && node.value >= 2147483648) say(node, "numbers stay below 2^31")
        },
        "ForInStatement, ForOfStatement"(node) {
            if (isString(context, node.right)) say(node, "loops over strings differ between engines; use charCodeAt")
        },
        "IfStatement, WhileStatement, DoWhileStatement, ForStatement, ConditionalExpression"(node) {
            mustBeBoolean(node.test)
        },
        "LogicalExpression[operator!='??']"(node) {
            mustBeBoolean(node.left)
        },
        "UnaryExpression[operator='!']"(node) {
            mustBeBoolean(node.argument)
        },
    }
}

/** Every use of a name that no file of the project declares. */
function globalUses({ globalScope }) {
    const known = globalScope.variables.filter(({ defs }) => defs.length === 0).flatMap(({ references }) => references)
    return [...globalScope.through, ...known].filter(({ isTypeReference }) => !isTypeReference)
}

/** Listeners for names. */
function names(context, say) {
    const { scopeManager } = context.sourceCode
    return {
        MemberExpression(node) {
            const name = `${node.object.name}.${node.property.name}`
            if (MEMBERS.has(name)) say(node, `${name} is missing in Espruino`)
        },
        "Program:exit"(program) {
            for (const { identifier } of globalUses(scopeManager)) {
                if (GLOBALS.has(identifier.name)) say(identifier, `${identifier.name} is not there on every engine; use a port`)
            }
            for (const { name, defs } of scopeManager.scopes.flatMap(({ variables }) => variables)) {
                if (RESERVED.has(name)) say(defs[0].name, `\`${name}\` is a reserved word in Espruino`)
            }
            reportEarlyUses(context, program)
        },
    }
}

module.exports = {
    meta: {
        type: "problem",
        schema: [{ type: "object", properties: { divides: { type: "boolean" } }, additionalProperties: false }],
        messages: { subset: "{{text}}", early: "{{name}} is used before it is defined: Espruino does not hoist" },
    },
    create(context) {
        const say = (node, text) => context.report({ node, messageId: "subset", data: { text } })
        const syntax = Object.entries(SYNTAX).map(([selector, text]) => [selector, node => say(node, text)])
        return { ...Object.fromEntries(syntax), ...judgements(context, say), ...names(context, say) }
    },
}
