// Types of the plugin in index.cjs, for the tests of its rules.

import type { Rule } from "eslint"

declare const plugin: { readonly rules: Readonly<Record<"engine-subset" | "hot-allocates-nothing", Rule.RuleModule>> }
export = plugin
