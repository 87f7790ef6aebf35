// SPDX-License-Identifier: Apache-2.0
// Elementwise functions over the vector type VF of an instruction set; included in an ISA file's
// anonymous namespace after the V... functions (see f32_body.h).

// exp(x) for x clamped to [-87, 88], within 2 ulp: 2^n times a polynomial for exp(r), |r| <=
// ln(2)/2.
inline VF VExp(VF x) {
  x = VMax(VMin(x, VSet(88.0f)), VSet(-87.0f));
  const VF n = VRound(VMul(x, VSet(1.44269504f)));
  // ln(2) in two parts: the first has few bits, so that n * high is exact.
  VF r = VNegMulAdd(n, VSet(0.693359375f), x);
  r = VNegMulAdd(n, VSet(-2.12194440e-4f), r);
  // Taylor's series to r^6: its error at |r| = 0.347 is below half a unit in the last place.
  VF p = VSet(1.0f / 720);
  p = VMulAdd(p, r, VSet(1.0f / 120));
  p = VMulAdd(p, r, VSet(1.0f / 24));
  p = VMulAdd(p, r, VSet(1.0f / 6));
  p = VMulAdd(p, r, VSet(0.5f));
  p = VMulAdd(p, r, VSet(1.0f));
  p = VMulAdd(p, r, VSet(1.0f));
  return VScale2(p, n);
}

// 2^x for x <= 126, within 2 ulp; 2^-126 below -126. For softmax: the factor log2(e) is folded into
// its argument.
inline VF VExp2(VF x) {
  x = VMax(x, VSet(-126.0f));
  const VF n = VRound(x);
  const VF r = VSub(x, n);
  // ln(2)^k / k!, |r| <= 1/2.
  VF p = VSet(1.5403530393381609e-4f);
  p = VMulAdd(p, r, VSet(1.3333558146428443e-3f));
  p = VMulAdd(p, r, VSet(9.6181291076284770e-3f));
  p = VMulAdd(p, r, VSet(5.5504108664821580e-2f));
  p = VMulAdd(p, r, VSet(2.4022650695910071e-1f));
  p = VMulAdd(p, r, VSet(6.9314718055994531e-1f));
  p = VMulAdd(p, r, VSet(1.0f));
  return VScale2(p, n);
}

// 2^x for finite x <= 127 within 8e-5, well below bf16's steps of 4e-3; at most 2^-126 for small x.
inline VF VExp2Short(VF x) {
#ifndef MINNOW_SCALE2_SATURATES
  x = VMax(x, VSet(-126.0f));
#endif
  const VF n = VRound(x);
  const VF r = VSub(x, n);
  VF p = VSet(5.5171853693430610e-2f);
  p = VMulAdd(p, r, VSet(2.4261158573451783e-1f));
  p = VMulAdd(p, r, VSet(6.9326099828212810e-1f));
  p = VMulAdd(p, r, VSet(9.9992804624153740e-1f));
  return VScale2(p, n);
}

// x * Phi(x), Phi the normal distribution: GELU in its erf form. Phi(x) - 1/2 = x P(x^2) / Q(x^2)
// on [-5.5, 5.5], fitted by iteratively reweighted least squares to an error of 2e-8; beyond, Phi
// is 0 or 1 within 2e-8.
inline VF VGeluErf(VF x) {
  const VF c = VMax(VMin(x, VSet(5.5f)), VSet(-5.5f));
  const VF s = VMul(c, c);
  VF p = VSet(2.221615780229058e-08f);
  p = VMulAdd(p, s, VSet(6.530602604470914e-06f));
  p = VMulAdd(p, s, VSet(1.8284899124410003e-04f));
  p = VMulAdd(p, s, VSet(4.761561751365662e-03f));
  p = VMulAdd(p, s, VSet(3.514150530099869e-02f));
  p = VMulAdd(p, s, VSet(3.989419937133789e-01f));
  VF q = VSet(1.1953942475884105e-06f);
  q = VMulAdd(q, s, VSet(7.860690675443038e-05f));
  q = VMulAdd(q, s, VSet(1.9623839762061834e-03f));
  q = VMulAdd(q, s, VSet(2.939821220934391e-02f));
  q = VMulAdd(q, s, VSet(2.547502815723419e-01f));
  q = VMulAdd(q, s, VSet(1.0f));
  return VMul(x, VMulAdd(c, VDiv(p, q), VSet(0.5f)));
}

// The same within 2e-4 and without a division, for products whose results have no more than 8 bits:
// Phi(x) - 1/2 = x P(x^2) on [-4, 4], fitted in the same way.
inline VF VGeluErfShort(VF x) {
  const VF c = VMax(VMin(x, VSet(4.0f)), VSet(-4.0f));
  const VF s = VMul(c, c);
  VF p = VSet(2.278133948152572e-08f);
  p = VMulAdd(p, s, VSet(-1.5985964409992448e-06f));
  p = VMulAdd(p, s, VSet(4.795538552571088e-05f));
  p = VMulAdd(p, s, VSet(-8.140139980241656e-04f));
  p = VMulAdd(p, s, VSet(8.772379718720913e-03f));
  p = VMulAdd(p, s, VSet(-6.457308679819107e-02f));
  p = VMulAdd(p, s, VSet(3.978833258152008e-01f));
  return VMul(x, VMulAdd(c, p, VSet(0.5f)));
}

inline VF VSigmoid(VF x) { return VDiv(VSet(1.0f), VAdd(VSet(1.0f), VExp(VSub(VSet(0.0f), x)))); }

// The same within 8e-5. An x beyond 87 on either side counts as 87.
inline VF VSigmoidShort(VF x) {
  const VF exponent = VMul(x, VSet(-1.44269504f));
  const VF power = VExp2Short(VMax(VMin(exponent, VSet(126.0f)), VSet(-126.0f)));
  return VDiv(VSet(1.0f), VAdd(VSet(1.0f), power));
}

// tanh(x) = 2 sigmoid(2x) - 1
inline VF VTanh(VF x) { return VMulAdd(VSet(2.0f), VSigmoid(VAdd(x, x)), VSet(-1.0f)); }

// GELU's tanh form: x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).
inline VF VGeluTanh(VF x) {
  const VF cube = VMul(VMul(x, x), x);
  return VMul(x, VSigmoid(VMul(VSet(1.5957691216f), VMulAdd(cube, VSet(0.044715f), x))));
}

// kShort: for products in a lower precision.
template <bool kShort>
inline VF VActivate(VF x, enum MatmulActivation activation) {
  switch (activation) {
    case kMatmulNone:
      return x;
    case kMatmulGeluErf:
      return kShort ? VGeluErfShort(x) : VGeluErf(x);
    case kMatmulGeluTanh:
      return VGeluTanh(x);
    case kMatmulRelu:
      return VMax(x, VSet(0.0f));
    case kMatmulTanh:
      return VTanh(x);
    case kMatmulSigmoid:
      return VSigmoid(x);
    case kMatmulSilu:
      return VMul(x, kShort ? VSigmoidShort(x) : VSigmoid(x));
    case kMatmulQuickGelu:
      return VMul(x, VSigmoid(VMul(x, VSet(1.702f))));
  }
  return x;
}

// One copy of all activations in a file, where a call weighs nothing: for vectors that are few.
template <bool kShort>
[[gnu::noinline, gnu::noclone]] VF VActivateApart(VF x, enum MatmulActivation activation) {
  return VActivate<kShort>(x, activation);
}

// The same for a vector of each row of a tile.
template <bool kShort>
[[gnu::noinline, gnu::noclone]] void ActivateRows(float* y, size_t y_stride, size_t rows,
                                                  enum MatmulActivation activation) {
  for (size_t r = 0; r < rows; ++r)
    VStore(y + r * y_stride, VActivate<kShort>(VLoad(y + r * y_stride), activation));
}

// Bias, activation and residual over a tile of fp32 sums that a product just wrote, in the
// first-level cache. Once in a file, a call for each tile.
template <bool kShort>
[[gnu::noinline, gnu::noclone]] void FinishFloats(float* y, size_t y_stride, const float* bias,
                                                  const float* residual, size_t residual_stride,
                                                  enum MatmulActivation activation, size_t row,
                                                  size_t rows, size_t column, size_t columns) {
  for (size_t r = row; r < row + rows; ++r) {
    float* to = y + r * y_stride;
    for (size_t c = column; c < column + columns; c += kLanes) {
      VF value = VActivate<kShort>(VAdd(VLoad(to + c), VLoad(bias + c)), activation);
      if (residual) value = VAdd(value, VLoad(residual + r * residual_stride + c));
      VStore(to + c, value);
    }
  }
}
