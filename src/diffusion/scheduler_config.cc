// SPDX-License-Identifier: Apache-2.0
#include "diffusion/scheduler_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace minnow {
namespace {

using Kind = SchedulerKind;

struct ClassName {
  std::string_view name;
  Kind kind;
};

constexpr ClassName kClasses[] = {
    {"DDIMScheduler", Kind::kDdim},
    {"PNDMScheduler", Kind::kPndm},
    {"EulerDiscreteScheduler", Kind::kEuler},
    {"EulerAncestralDiscreteScheduler", Kind::kEulerAncestral},
    {"HeunDiscreteScheduler", Kind::kHeun},
    {"LMSDiscreteScheduler", Kind::kLms},
    {"DPMSolverMultistepScheduler", Kind::kDpmSolver},
    {"UniPCMultistepScheduler", Kind::kUniPc},
    {"LCMScheduler", Kind::kLcm},
    {"DDPMScheduler", Kind::kDdpm},
};

constexpr std::array<std::string_view, 11> kNames = {"ddim",  "pndm", "euler",    "euler_a",
                                                     "heun",  "lms",  "dpmpp_2m", "dpmpp_2m_karras",
                                                     "unipc", "lcm",  "ddpm"};
constexpr SchedulerChoice kChoices[kNames.size()] = {
    {Kind::kDdim, false},      {Kind::kPndm, false},
    {Kind::kEuler, false},     {Kind::kEulerAncestral, false},
    {Kind::kHeun, false},      {Kind::kLms, false},
    {Kind::kDpmSolver, false}, {Kind::kDpmSolver, true},
    {Kind::kUniPc, false},     {Kind::kLcm, false},
    {Kind::kDdpm, false}};

// Known besides, for the web UI's samplers.
constexpr std::pair<std::string_view, Kind> kKarrasNames[] = {
    {"euler_karras", Kind::kEuler}, {"heun_karras", Kind::kHeun}, {"lms_karras", Kind::kLms}};

constexpr int64_t kMostTrainTimesteps = 10000;

bool IsOneOf(Kind kind, std::initializer_list<Kind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

template <class T>
struct Word {
  std::string_view text;
  T value;
};

// Reads fields until one is wrong. Absent and null leave the target as it is.
class FieldReader {
 public:
  explicit FieldReader(const JsonView& object) : object_(object) {}

  void Bool(std::string_view name, bool* target) {
    if (const auto value = Find(name)) Take(value->Bool(), target);
  }
  void Int(std::string_view name, int64_t least, int64_t most, int32_t* target) {
    int64_t number = *target;
    if (const auto value = Find(name)) Take(value->Int(least, most), &number);
    *target = static_cast<int32_t>(number);
  }
  // In [least, most].
  template <class T>
  void Number(std::string_view name, double least, double most, T* target) {
    const auto value = Find(name);
    if (!value) return;
    const auto number = value->Number();
    if (number.ok() && *number >= least && *number <= most) {
      *target = *number;
    } else {
      status_ = value->Expected("a number in [" + Short(least) + ", " + Short(most) + "]");
    }
  }
  template <class T>
  void Choice(std::string_view name, std::initializer_list<Word<T>> words, T* target) {
    const auto value = Find(name);
    if (!value) return;
    std::string expected;
    for (const Word<T>& word : words) {
      if (value->is_string() && *value->String() == word.text) {
        *target = word.value;
        return;
      }
      expected += (expected.empty() ? "\"" : ", \"") + std::string(word.text) + "\"";
    }
    status_ = value->is_string()
                  ? value->Wrong(Code::kUnsupported,
                                 value->Describe() + " is not supported; known: " + expected)
                  : value->Expected(expected);
  }
  // What may only be absent, null, false or empty.
  void Refuse(std::string_view name) {
    const auto value = Find(name);
    if (!value || (value->type() == JsonType::kBool && !*value->Bool())) return;
    if (value->is_array() && value->size() == 0) return;
    status_ = value->Wrong(Code::kUnsupported, "is not supported");
  }
  // What may only be absent, null or true.
  void RequireTrue(std::string_view name) {
    bool set = true;
    Bool(name, &set);
    if (!set) status_ = object_.Find(name)->Wrong(Code::kUnsupported, "false is not supported");
  }
  void Betas(std::string_view name, std::vector<float>* target) {
    const auto value = Find(name);
    if (!value) return;
    if (!value->is_array() || value->size() == 0 || value->size() > kMostTrainTimesteps) {
      status_ = value->Expected("an array of 1 to 10000 numbers");
      return;
    }
    for (const JsonView item : value->Items()) {
      const auto number = item.Number();
      if (!number.ok() || !(*number > 0 && *number < 1)) {
        status_ = item.Expected("a number above 0 and below 1");
        return;
      }
      target->push_back(static_cast<float>(*number));
    }
  }
  void Ints(std::string_view name, std::vector<int32_t>* target) {
    const auto value = Find(name);
    if (!value) return;
    if (!value->is_array() || value->size() > kMostTrainTimesteps) {
      status_ = value->Expected("an array of step indices");
      return;
    }
    for (const JsonView item : value->Items()) {
      int64_t number = 0;
      Take(item.Int(0, kMostTrainTimesteps), &number);
      target->push_back(static_cast<int32_t>(number));
    }
  }

  Status status() const { return status_; }

 private:
  std::optional<JsonView> Find(std::string_view name) const {
    if (!status_.ok()) return std::nullopt;
    auto value = object_.Find(name);
    return value && !value->is_null() ? value : std::nullopt;
  }
  template <class T>
  void Take(Result<T> result, T* target) {
    if (result.ok()) {
      *target = *result;
    } else if (status_.ok()) {
      status_ = std::move(result).error();
    }
  }
  static std::string Short(double number) {
    std::string text;
    JsonWriter(&text).Double(number);
    return text;
  }

  const JsonView& object_;
  Status status_;
};

SchedulerConfig DefaultsOf(Kind kind) {
  SchedulerConfig config;
  config.kind = kind;
  if (IsOneOf(kind, {Kind::kHeun, Kind::kLcm})) {
    config.beta_start = 0.00085;
    config.beta_end = 0.012;
  }
  if (kind == Kind::kLcm) config.beta_schedule = BetaSchedule::kScaledLinear;
  if (!IsOneOf(kind, {Kind::kDdim, Kind::kPndm, Kind::kLcm, Kind::kDdpm})) {
    config.timestep_spacing = TimestepSpacing::kLinspace;
  }
  config.clip_sample = IsOneOf(kind, {Kind::kDdim, Kind::kDdpm});
  config.set_alpha_to_one = kind != Kind::kPndm;
  return config;
}

void ReadTraining(FieldReader& fields, SchedulerConfig* config) {
  const Kind kind = config->kind;
  fields.Int("num_train_timesteps", 1, kMostTrainTimesteps, &config->num_train_timesteps);
  fields.Number("beta_start", 1e-9, 0.999999, &config->beta_start);
  fields.Number("beta_end", 1e-9, 0.999999, &config->beta_end);
  fields.Choice<BetaSchedule>("beta_schedule",
                              {{"linear", BetaSchedule::kLinear},
                               {"scaled_linear", BetaSchedule::kScaledLinear},
                               {"squaredcos_cap_v2", BetaSchedule::kSquaredCosine}},
                              &config->beta_schedule);
  fields.Betas("trained_betas", &config->trained_betas);
  std::initializer_list<Word<PredictionType>> predictions = {
      {"epsilon", PredictionType::kEpsilon},
      {"v_prediction", PredictionType::kVelocity},
      {"sample", PredictionType::kSample}};
  std::initializer_list<Word<PredictionType>> without_sample = {
      {"epsilon", PredictionType::kEpsilon}, {"v_prediction", PredictionType::kVelocity}};
  fields.Choice("prediction_type",
                IsOneOf(kind, {Kind::kPndm, Kind::kEulerAncestral}) ? without_sample : predictions,
                &config->prediction_type);
  if (!IsOneOf(kind, {Kind::kPndm, Kind::kHeun, Kind::kLms})) {
    fields.Bool("rescale_betas_zero_snr", &config->rescale_betas_zero_snr);
  }
  fields.Choice<TimestepSpacing>("timestep_spacing",
                                 {{"leading", TimestepSpacing::kLeading},
                                  {"linspace", TimestepSpacing::kLinspace},
                                  {"trailing", TimestepSpacing::kTrailing}},
                                 &config->timestep_spacing);
  fields.Int("steps_offset", 0, kMostTrainTimesteps, &config->steps_offset);
}

void ReadClipping(FieldReader& fields, SchedulerConfig* config) {
  const Kind kind = config->kind;
  if (IsOneOf(kind, {Kind::kDdim, Kind::kDdpm, Kind::kHeun, Kind::kLcm})) {
    fields.Bool("clip_sample", &config->clip_sample);
    fields.Number("clip_sample_range", 0, 1e9, &config->clip_sample_range);
  }
  if (IsOneOf(kind, {Kind::kDdim, Kind::kDdpm, Kind::kLcm, Kind::kDpmSolver, Kind::kUniPc})) {
    fields.Refuse("thresholding");
  }
}

void ReadSigmas(FieldReader& fields, SchedulerConfig* config) {
  const Kind kind = config->kind;
  if (!IsOneOf(kind, {Kind::kEuler, Kind::kHeun, Kind::kLms, Kind::kDpmSolver, Kind::kUniPc})) {
    return;
  }
  fields.Bool("use_karras_sigmas", &config->use_karras_sigmas);
  fields.Refuse("use_exponential_sigmas");
  fields.Refuse("use_beta_sigmas");
  if (kind == Kind::kLms) return;
  fields.Number("sigma_min", 1e-6, 1e6, &config->sigma_min);
  fields.Number("sigma_max", 1e-6, 1e6, &config->sigma_max);
  if (kind == Kind::kHeun) return;
  fields.Choice<FinalSigma>("final_sigmas_type",
                            {{"zero", FinalSigma::kZero}, {"sigma_min", FinalSigma::kSmallest}},
                            &config->final_sigma);
  if (kind == Kind::kEuler) {
    bool other = false;
    fields.Choice<bool>("interpolation_type", {{"linear", false}}, &other);
    fields.Choice<bool>("timestep_type", {{"discrete", false}}, &other);
    return;
  }
  fields.Refuse("use_flow_sigmas");
  fields.Refuse("use_dynamic_shifting");
}

void ReadSolver(FieldReader& fields, SchedulerConfig* config) {
  const Kind kind = config->kind;
  if (!IsOneOf(kind, {Kind::kDpmSolver, Kind::kUniPc})) return;
  fields.Int("solver_order", 1, 3, &config->solver_order);
  fields.Bool("lower_order_final", &config->lower_order_final);
  // Words of the other solvers mean the default, as upstream, so that their files can be read.
  if (kind == Kind::kDpmSolver) {
    bool other = false;
    fields.Choice<bool>("algorithm_type", {{"dpmsolver++", false}, {"deis", false}}, &other);
    fields.Choice<bool>(
        "solver_type",
        {{"midpoint", false}, {"heun", true}, {"logrho", false}, {"bh1", false}, {"bh2", false}},
        &config->heun_solver);
    fields.Bool("euler_at_final", &config->euler_at_final);
    fields.Number("lambda_min_clipped", -1e9, 1e9, &config->lambda_min_clipped);
    fields.Refuse("use_lu_lambdas");
    fields.Refuse("variance_type");
    return;
  }
  fields.Choice<bool>(
      "solver_type",
      {{"bh2", false}, {"bh1", true}, {"midpoint", false}, {"heun", false}, {"logrho", false}},
      &config->bh1_solver);
  fields.RequireTrue("predict_x0");
  fields.Ints("disable_corrector", &config->disable_corrector);
  fields.Refuse("solver_p");
}

void ReadOthers(FieldReader& fields, SchedulerConfig* config) {
  const Kind kind = config->kind;
  if (IsOneOf(kind, {Kind::kDdim, Kind::kPndm, Kind::kLcm})) {
    fields.Bool("set_alpha_to_one", &config->set_alpha_to_one);
  }
  if (kind == Kind::kPndm) fields.Bool("skip_prk_steps", &config->skip_prk_steps);
  if (kind == Kind::kDdpm) {
    fields.Choice<DdpmVariance>("variance_type",
                                {{"fixed_small", DdpmVariance::kFixedSmall},
                                 {"fixed_small_log", DdpmVariance::kFixedSmallLog},
                                 {"fixed_large", DdpmVariance::kFixedLarge}},
                                &config->variance_type);
  }
  if (kind == Kind::kLcm) {
    fields.Int("original_inference_steps", 1, config->num_train_timesteps,
               &config->original_inference_steps);
    fields.Number("timestep_scaling", 0, 1e9, &config->timestep_scaling);
  }
}

}  // namespace

std::span<const std::string_view> SchedulerNames() { return kNames; }

Result<SchedulerChoice> SchedulerByName(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return kChoices[found - kNames.begin()];
  for (const auto& [other, kind] : kKarrasNames) {
    if (name == other) return SchedulerChoice{kind, true};
  }
  std::string known;
  for (const std::string_view each : kNames) {
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  return Error{Code::kInvalidArgument,
               "scheduler: " + QuoteForMessage(name) + " is unknown; known: " + known};
}

Result<SchedulerChoice> SchedulerByClass(std::string_view name) {
  for (const ClassName& each : kClasses) {
    if (each.name == name) return SchedulerChoice{each.kind, false};
  }
  return Error{Code::kUnsupported,
               "scheduler class " + QuoteForMessage(name) + " is not supported"};
}

Result<JsonDocument> ParseSchedulerFile(std::string_view text, std::string name) {
  constexpr size_t kMostBytes = 1 << 20;  // of which trained_betas are nearly all
  constexpr std::string_view kInfinity = "-Infinity";
  std::string json;
  bool in_string = false;
  if (text.size() > kMostBytes) return JsonDocument::Parse(text, name, {.max_bytes = kMostBytes});
  json.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (!in_string && text.substr(i, kInfinity.size()) == kInfinity) {
      json += "null     ";  // as long, so that columns in messages stay right
      i += kInfinity.size() - 1;
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    json += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) json += text[++i];
  }
  return JsonDocument::Parse(json, std::move(name), {.max_bytes = kMostBytes});
}

Result<SchedulerConfig> ReadSchedulerConfig(const JsonView& object, const SchedulerChoice& choice) {
  MINNOW_RETURN_IF_ERROR(object.Object());
  SchedulerConfig config = DefaultsOf(choice.kind);
  FieldReader fields(object);
  ReadTraining(fields, &config);
  ReadClipping(fields, &config);
  ReadSigmas(fields, &config);
  ReadSolver(fields, &config);
  ReadOthers(fields, &config);
  MINNOW_RETURN_IF_ERROR(fields.status());
  if (choice.karras) config.use_karras_sigmas = true;
  const size_t betas = config.trained_betas.size();
  if (betas != 0 && betas != static_cast<size_t>(config.num_train_timesteps)) {
    return object.Find("trained_betas")
        ->Wrong("holds " + std::to_string(betas) + " numbers, num_train_timesteps is " +
                std::to_string(config.num_train_timesteps));
  }
  return config;
}

Result<SchedulerConfig> ReadSchedulerConfig(const JsonView& object) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, object.GetString("_class_name"));
  const auto choice = SchedulerByClass(name);
  if (!choice.ok()) {
    return object.Find("_class_name")->Wrong(choice.error().code, choice.error().message);
  }
  return ReadSchedulerConfig(object, *choice);
}

SchedulerConfig ForStableDiffusion(SchedulerConfig config) {
  config.steps_offset = 1;
  config.clip_sample = false;
  return config;
}

}  // namespace minnow
