// In which order search shows what it finds: Sphinx's own weights, but code, records and pages of the project come last.
const LAST = /^(project\/|gallery\/|replications|architecture|scale)/;

var Scorer = {
  score: ([docname, title, anchor, description, score]) => (LAST.test(docname) ? score - 100 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
