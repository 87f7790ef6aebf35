// SPDX-License-Identifier: Apache-2.0
// Recursive descent; the depth is counted, so no expression can exhaust the stack.
#include <algorithm>
#include <array>
#include <optional>

#include "index/query/filter.h"
#include "index/query/filter_lexer.h"

namespace minnow {
namespace {

// These cannot name a field without backticks.
constexpr std::array<std::string_view, 8> kReserved = {"and", "or",   "not",  "in",
                                                       "is",  "null", "true", "false"};

class Parser {
 public:
  Parser(std::string_view text, const std::string& what, const FilterLimits& limits)
      : lexer_(text, what), limits_(limits) {}

  Result<FilterNode> ParseAll() {
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    if (AtEnd()) return FilterNode{};
    MINNOW_ASSIGN_OR_RETURN(FilterNode root, ParseOr(0));
    if (!AtEnd()) return lexer_.Expected("AND, OR or the end");
    return root;
  }

  Result<FieldPath> ParseOnlyField() {
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    MINNOW_ASSIGN_OR_RETURN(FieldPath field, ParseField(/*alone=*/true));
    if (!AtEnd()) return lexer_.Expected("the end of the field");
    return field;
  }

 private:
  using Kind = FilterNode::Kind;
  using TokenType = FilterToken::Type;

  bool AtEnd() const { return lexer_.token().type == TokenType::kEnd; }

  // Goes on behind the token if it is that keyword.
  Result<bool> Accept(std::string_view keyword) {
    if (!lexer_.IsKeyword(keyword)) return false;
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    return true;
  }

  Result<FilterNode> ParseOr(size_t depth) {
    return ParseChain(Kind::kOr, "or", [&] {
      return ParseChain(Kind::kAnd, "and", [&] { return ParseUnary(depth); });
    });
  }

  template <class ParsePart>
  Result<FilterNode> ParseChain(Kind kind, std::string_view keyword, ParsePart parse_part) {
    MINNOW_ASSIGN_OR_RETURN(FilterNode first, parse_part());
    if (!lexer_.IsKeyword(keyword)) return first;
    FilterNode chain;
    chain.kind = kind;
    chain.children.push_back(std::move(first));
    while (lexer_.IsKeyword(keyword)) {
      MINNOW_RETURN_IF_ERROR(lexer_.Next());
      MINNOW_ASSIGN_OR_RETURN(FilterNode part, parse_part());
      chain.children.push_back(std::move(part));
    }
    return chain;
  }

  Result<FilterNode> ParseUnary(size_t depth) {
    const bool negated = lexer_.IsKeyword("not");
    const bool grouped = lexer_.IsSymbol("(");
    if (!negated && !grouped) return ParseTest();
    if (depth == limits_.max_depth) {
      return lexer_.Wrong("nested deeper than " + std::to_string(limits_.max_depth));
    }
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    if (negated) {
      MINNOW_ASSIGN_OR_RETURN(FilterNode child, ParseUnary(depth + 1));
      return Not(std::move(child));
    }
    MINNOW_ASSIGN_OR_RETURN(FilterNode group, ParseOr(depth + 1));
    if (!lexer_.IsSymbol(")")) return lexer_.Expected("AND, OR or \")\"");
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    return group;
  }

  static FilterNode Not(FilterNode child) {
    FilterNode node;
    node.kind = Kind::kNot;
    node.children.push_back(std::move(child));
    return node;
  }

  Result<FilterNode> ParseTest() {
    if (++tests_ > limits_.max_tests) {
      return lexer_.Wrong("more than " + std::to_string(limits_.max_tests) + " tests");
    }
    FilterNode node;
    node.kind = Kind::kTest;
    MINNOW_ASSIGN_OR_RETURN(node.field, ParseField(/*alone=*/false));
    if (lexer_.IsKeyword("is")) return ParseIsNull(std::move(node));
    if (lexer_.token().type == TokenType::kSymbol) return ParseComparison(std::move(node));
    MINNOW_ASSIGN_OR_RETURN(const bool negated, Accept("not"));
    MINNOW_RETURN_IF_ERROR(ParseWordTest(node, negated));
    return negated ? Not(std::move(node)) : node;
  }

  Result<FieldPath> ParseField(bool alone) {
    FieldPath field;
    while (true) {
      const FilterToken& token = lexer_.token();
      const bool keyword = token.type == TokenType::kName && !alone && IsReserved();
      if ((token.type != TokenType::kName && token.type != TokenType::kQuotedName) || keyword) {
        return lexer_.Expected(field.empty() ? "the name of a field" : "a name after the dot");
      }
      if (field.size() == limits_.max_path_names) {
        return lexer_.Wrong("more than " + std::to_string(limits_.max_path_names) +
                            " names in a field");
      }
      field.push_back(token.value);
      MINNOW_RETURN_IF_ERROR(lexer_.Next());
      if (!lexer_.IsSymbol(".")) return field;
      MINNOW_RETURN_IF_ERROR(lexer_.Next());
    }
  }

  bool IsReserved() const {
    return std::any_of(kReserved.begin(), kReserved.end(),
                       [&](std::string_view keyword) { return lexer_.IsKeyword(keyword); });
  }

  Result<FilterNode> ParseIsNull(FilterNode node) {
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    MINNOW_ASSIGN_OR_RETURN(const bool negated, Accept("not"));
    if (!lexer_.IsKeyword("null")) return lexer_.Expected(negated ? "NULL" : "NULL or NOT NULL");
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    node.test = FilterTest::kIsNull;
    return negated ? Not(std::move(node)) : node;
  }

  Result<FilterNode> ParseComparison(FilterNode node) {
    struct Symbol {
      std::string_view text;
      FilterTest test;
      bool negated;
    };
    static constexpr std::array<Symbol, 7> kSymbols = {{{"=", FilterTest::kEqual, false},
                                                        {"==", FilterTest::kEqual, false},
                                                        {"!=", FilterTest::kEqual, true},
                                                        {"<", FilterTest::kLess, false},
                                                        {"<=", FilterTest::kLessEqual, false},
                                                        {">", FilterTest::kGreater, false},
                                                        {">=", FilterTest::kGreaterEqual, false}}};
    const auto symbol = std::find_if(kSymbols.begin(), kSymbols.end(),
                                     [&](const Symbol& s) { return lexer_.IsSymbol(s.text); });
    if (symbol == kSymbols.end()) return ExpectedOperator();
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    const bool ordered = symbol->test != FilterTest::kEqual;
    const auto type = lexer_.token().type;
    if (ordered && type != TokenType::kNumber && type != TokenType::kString) {
      return lexer_.Expected("a number or a string in quotes");
    }
    node.test = symbol->test;
    MINNOW_ASSIGN_OR_RETURN(FilterValue value, ParseValue());
    node.values.push_back(std::move(value));
    return symbol->negated ? Not(std::move(node)) : node;
  }

  Error ExpectedOperator() const {
    return lexer_.Expected(
        "=, !=, <, <=, >, >=, IN, STARTS WITH, CONTAINS, EXISTS or IS NULL after the field");
  }

  Status ParseWordTest(FilterNode& node, bool negated) {
    MINNOW_ASSIGN_OR_RETURN(const bool exists, Accept("exists"));
    if (exists) {
      node.test = FilterTest::kExists;
      return {};
    }
    MINNOW_ASSIGN_OR_RETURN(const bool in, Accept("in"));
    if (in) {
      node.test = FilterTest::kIn;
      return ParseList(node.values);
    }
    MINNOW_ASSIGN_OR_RETURN(const bool contains, Accept("contains"));
    if (!contains) {
      MINNOW_ASSIGN_OR_RETURN(const bool starts, Accept("starts"));
      if (!starts && !negated) return ExpectedOperator();
      if (!starts) return lexer_.Expected("IN, STARTS WITH, CONTAINS or EXISTS after NOT");
      if (!lexer_.IsKeyword("with")) return lexer_.Expected("WITH after STARTS");
      MINNOW_RETURN_IF_ERROR(lexer_.Next());
    }
    node.test = contains ? FilterTest::kContains : FilterTest::kStartsWith;
    if (lexer_.token().type != TokenType::kString) return lexer_.Expected("a string in quotes");
    MINNOW_ASSIGN_OR_RETURN(FilterValue value, ParseValue());
    node.values.push_back(std::move(value));
    return {};
  }

  Status ParseList(std::vector<FilterValue>& values) {
    if (!lexer_.IsSymbol("[")) return lexer_.Expected("[ after IN");
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    while (!lexer_.IsSymbol("]")) {
      MINNOW_ASSIGN_OR_RETURN(FilterValue value, ParseValue());
      values.push_back(std::move(value));
      if (lexer_.IsSymbol("]")) break;
      if (!lexer_.IsSymbol(",")) return lexer_.Expected(", or ]");
      MINNOW_RETURN_IF_ERROR(lexer_.Next());
    }
    return lexer_.Next();
  }

  Result<FilterValue> ParseValue() {
    if (++values_ > limits_.max_values) {
      return lexer_.Wrong("more than " + std::to_string(limits_.max_values) + " values");
    }
    const FilterToken& token = lexer_.token();
    FilterValue value;
    if (token.type == TokenType::kNumber) {
      value.type = FilterValue::Type::kNumber;
      value.number = token.number;
    } else if (token.type == TokenType::kString) {
      value.type = FilterValue::Type::kString;
      value.text = token.value;
    } else if (lexer_.IsKeyword("true") || lexer_.IsKeyword("false")) {
      value.type = FilterValue::Type::kBool;
      value.boolean = lexer_.IsKeyword("true");
    } else if (!lexer_.IsKeyword("null")) {
      return lexer_.Expected("a number, a string in quotes, true, false or null");
    }
    MINNOW_RETURN_IF_ERROR(lexer_.Next());
    return value;
  }

  FilterLexer lexer_;
  const FilterLimits limits_;
  size_t tests_ = 0;
  size_t values_ = 0;
};

void AddFields(const FilterNode& node, std::vector<FieldPath>& fields) {
  if (node.kind == FilterNode::Kind::kTest) fields.push_back(node.field);
  for (const FilterNode& child : node.children) AddFields(child, fields);
}

}  // namespace

Result<Filter> Filter::Parse(std::string_view text, const FilterLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Error{Code::kInvalidArgument, "filter: " + std::to_string(text.size()) +
                                             " bytes, limit " + std::to_string(limits.max_bytes)};
  }
  MINNOW_ASSIGN_OR_RETURN(FilterNode root, Parser(text, "filter", limits).ParseAll());
  return Filter(std::move(root));
}

std::vector<FieldPath> Filter::fields() const {
  std::vector<FieldPath> fields;
  AddFields(root_, fields);
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  return fields;
}

Result<FieldPath> ParseFieldPath(std::string_view text, const std::string& what,
                                 const FilterLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Error{Code::kInvalidArgument, what + ": " + std::to_string(text.size()) +
                                             " bytes, limit " + std::to_string(limits.max_bytes)};
  }
  return Parser(text, what, limits).ParseOnlyField();
}

}  // namespace minnow
