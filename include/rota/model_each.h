/*
 * The counting loop behind ROTA_MODEL and its kin: "apply f to each argument".
 * The loop is unrolled by hand, one macro a step, because every step is then
 * scanned once. The shorter form, a macro that defers its own name, makes the
 * preprocessor scan the whole list some eighty times and costs ten times as
 * much to compile.
 *
 * Nothing here is for use outside rota/model.h.
 */
#ifndef ROTA_MODEL_EACH_H
#define ROTA_MODEL_EACH_H

/* clang-format off */

#define ROTA_M_JOIN_(a, b) a##b
#define ROTA_M_JOIN(a, b)  ROTA_M_JOIN_(a, b)

/* How many arguments there are, 1 to 96. */
#define ROTA_M_COUNT(...) ROTA_M_COUNT_(__VA_ARGS__, \
    96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81, \
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, \
    64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, \
    48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, \
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, \
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, \
    0)
#define ROTA_M_COUNT_( \
    _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, \
    _13, _14, _15, _16, _17, _18, _19, _20, _21, _22, _23, _24, \
    _25, _26, _27, _28, _29, _30, _31, _32, _33, _34, _35, _36, \
    _37, _38, _39, _40, _41, _42, _43, _44, _45, _46, _47, _48, \
    _49, _50, _51, _52, _53, _54, _55, _56, _57, _58, _59, _60, \
    _61, _62, _63, _64, _65, _66, _67, _68, _69, _70, _71, _72, \
    _73, _74, _75, _76, _77, _78, _79, _80, _81, _82, _83, _84, \
    _85, _86, _87, _88, _89, _90, _91, _92, _93, _94, _95, _96, \
    n, ...) n

/* f(T, a) for each further argument a: the fields of a model. */
#define ROTA_M_EACH(f, T, ...) \
    ROTA_M_JOIN(ROTA_M_EACH_, ROTA_M_COUNT(__VA_ARGS__))(f, T, __VA_ARGS__)
#define ROTA_M_EACH_1(f, T, a) f(T, a)
#define ROTA_M_EACH_2(f, T, a, ...) f(T, a) ROTA_M_EACH_1(f, T, __VA_ARGS__)
#define ROTA_M_EACH_3(f, T, a, ...) f(T, a) ROTA_M_EACH_2(f, T, __VA_ARGS__)
#define ROTA_M_EACH_4(f, T, a, ...) f(T, a) ROTA_M_EACH_3(f, T, __VA_ARGS__)
#define ROTA_M_EACH_5(f, T, a, ...) f(T, a) ROTA_M_EACH_4(f, T, __VA_ARGS__)
#define ROTA_M_EACH_6(f, T, a, ...) f(T, a) ROTA_M_EACH_5(f, T, __VA_ARGS__)
#define ROTA_M_EACH_7(f, T, a, ...) f(T, a) ROTA_M_EACH_6(f, T, __VA_ARGS__)
#define ROTA_M_EACH_8(f, T, a, ...) f(T, a) ROTA_M_EACH_7(f, T, __VA_ARGS__)
#define ROTA_M_EACH_9(f, T, a, ...) f(T, a) ROTA_M_EACH_8(f, T, __VA_ARGS__)
#define ROTA_M_EACH_10(f, T, a, ...) f(T, a) ROTA_M_EACH_9(f, T, __VA_ARGS__)
#define ROTA_M_EACH_11(f, T, a, ...) f(T, a) ROTA_M_EACH_10(f, T, __VA_ARGS__)
#define ROTA_M_EACH_12(f, T, a, ...) f(T, a) ROTA_M_EACH_11(f, T, __VA_ARGS__)
#define ROTA_M_EACH_13(f, T, a, ...) f(T, a) ROTA_M_EACH_12(f, T, __VA_ARGS__)
#define ROTA_M_EACH_14(f, T, a, ...) f(T, a) ROTA_M_EACH_13(f, T, __VA_ARGS__)
#define ROTA_M_EACH_15(f, T, a, ...) f(T, a) ROTA_M_EACH_14(f, T, __VA_ARGS__)
#define ROTA_M_EACH_16(f, T, a, ...) f(T, a) ROTA_M_EACH_15(f, T, __VA_ARGS__)
#define ROTA_M_EACH_17(f, T, a, ...) f(T, a) ROTA_M_EACH_16(f, T, __VA_ARGS__)
#define ROTA_M_EACH_18(f, T, a, ...) f(T, a) ROTA_M_EACH_17(f, T, __VA_ARGS__)
#define ROTA_M_EACH_19(f, T, a, ...) f(T, a) ROTA_M_EACH_18(f, T, __VA_ARGS__)
#define ROTA_M_EACH_20(f, T, a, ...) f(T, a) ROTA_M_EACH_19(f, T, __VA_ARGS__)
#define ROTA_M_EACH_21(f, T, a, ...) f(T, a) ROTA_M_EACH_20(f, T, __VA_ARGS__)
#define ROTA_M_EACH_22(f, T, a, ...) f(T, a) ROTA_M_EACH_21(f, T, __VA_ARGS__)
#define ROTA_M_EACH_23(f, T, a, ...) f(T, a) ROTA_M_EACH_22(f, T, __VA_ARGS__)
#define ROTA_M_EACH_24(f, T, a, ...) f(T, a) ROTA_M_EACH_23(f, T, __VA_ARGS__)
#define ROTA_M_EACH_25(f, T, a, ...) f(T, a) ROTA_M_EACH_24(f, T, __VA_ARGS__)
#define ROTA_M_EACH_26(f, T, a, ...) f(T, a) ROTA_M_EACH_25(f, T, __VA_ARGS__)
#define ROTA_M_EACH_27(f, T, a, ...) f(T, a) ROTA_M_EACH_26(f, T, __VA_ARGS__)
#define ROTA_M_EACH_28(f, T, a, ...) f(T, a) ROTA_M_EACH_27(f, T, __VA_ARGS__)
#define ROTA_M_EACH_29(f, T, a, ...) f(T, a) ROTA_M_EACH_28(f, T, __VA_ARGS__)
#define ROTA_M_EACH_30(f, T, a, ...) f(T, a) ROTA_M_EACH_29(f, T, __VA_ARGS__)
#define ROTA_M_EACH_31(f, T, a, ...) f(T, a) ROTA_M_EACH_30(f, T, __VA_ARGS__)
#define ROTA_M_EACH_32(f, T, a, ...) f(T, a) ROTA_M_EACH_31(f, T, __VA_ARGS__)
#define ROTA_M_EACH_33(f, T, a, ...) f(T, a) ROTA_M_EACH_32(f, T, __VA_ARGS__)
#define ROTA_M_EACH_34(f, T, a, ...) f(T, a) ROTA_M_EACH_33(f, T, __VA_ARGS__)
#define ROTA_M_EACH_35(f, T, a, ...) f(T, a) ROTA_M_EACH_34(f, T, __VA_ARGS__)
#define ROTA_M_EACH_36(f, T, a, ...) f(T, a) ROTA_M_EACH_35(f, T, __VA_ARGS__)
#define ROTA_M_EACH_37(f, T, a, ...) f(T, a) ROTA_M_EACH_36(f, T, __VA_ARGS__)
#define ROTA_M_EACH_38(f, T, a, ...) f(T, a) ROTA_M_EACH_37(f, T, __VA_ARGS__)
#define ROTA_M_EACH_39(f, T, a, ...) f(T, a) ROTA_M_EACH_38(f, T, __VA_ARGS__)
#define ROTA_M_EACH_40(f, T, a, ...) f(T, a) ROTA_M_EACH_39(f, T, __VA_ARGS__)
#define ROTA_M_EACH_41(f, T, a, ...) f(T, a) ROTA_M_EACH_40(f, T, __VA_ARGS__)
#define ROTA_M_EACH_42(f, T, a, ...) f(T, a) ROTA_M_EACH_41(f, T, __VA_ARGS__)
#define ROTA_M_EACH_43(f, T, a, ...) f(T, a) ROTA_M_EACH_42(f, T, __VA_ARGS__)
#define ROTA_M_EACH_44(f, T, a, ...) f(T, a) ROTA_M_EACH_43(f, T, __VA_ARGS__)
#define ROTA_M_EACH_45(f, T, a, ...) f(T, a) ROTA_M_EACH_44(f, T, __VA_ARGS__)
#define ROTA_M_EACH_46(f, T, a, ...) f(T, a) ROTA_M_EACH_45(f, T, __VA_ARGS__)
#define ROTA_M_EACH_47(f, T, a, ...) f(T, a) ROTA_M_EACH_46(f, T, __VA_ARGS__)
#define ROTA_M_EACH_48(f, T, a, ...) f(T, a) ROTA_M_EACH_47(f, T, __VA_ARGS__)
#define ROTA_M_EACH_49(f, T, a, ...) f(T, a) ROTA_M_EACH_48(f, T, __VA_ARGS__)
#define ROTA_M_EACH_50(f, T, a, ...) f(T, a) ROTA_M_EACH_49(f, T, __VA_ARGS__)
#define ROTA_M_EACH_51(f, T, a, ...) f(T, a) ROTA_M_EACH_50(f, T, __VA_ARGS__)
#define ROTA_M_EACH_52(f, T, a, ...) f(T, a) ROTA_M_EACH_51(f, T, __VA_ARGS__)
#define ROTA_M_EACH_53(f, T, a, ...) f(T, a) ROTA_M_EACH_52(f, T, __VA_ARGS__)
#define ROTA_M_EACH_54(f, T, a, ...) f(T, a) ROTA_M_EACH_53(f, T, __VA_ARGS__)
#define ROTA_M_EACH_55(f, T, a, ...) f(T, a) ROTA_M_EACH_54(f, T, __VA_ARGS__)
#define ROTA_M_EACH_56(f, T, a, ...) f(T, a) ROTA_M_EACH_55(f, T, __VA_ARGS__)
#define ROTA_M_EACH_57(f, T, a, ...) f(T, a) ROTA_M_EACH_56(f, T, __VA_ARGS__)
#define ROTA_M_EACH_58(f, T, a, ...) f(T, a) ROTA_M_EACH_57(f, T, __VA_ARGS__)
#define ROTA_M_EACH_59(f, T, a, ...) f(T, a) ROTA_M_EACH_58(f, T, __VA_ARGS__)
#define ROTA_M_EACH_60(f, T, a, ...) f(T, a) ROTA_M_EACH_59(f, T, __VA_ARGS__)
#define ROTA_M_EACH_61(f, T, a, ...) f(T, a) ROTA_M_EACH_60(f, T, __VA_ARGS__)
#define ROTA_M_EACH_62(f, T, a, ...) f(T, a) ROTA_M_EACH_61(f, T, __VA_ARGS__)
#define ROTA_M_EACH_63(f, T, a, ...) f(T, a) ROTA_M_EACH_62(f, T, __VA_ARGS__)
#define ROTA_M_EACH_64(f, T, a, ...) f(T, a) ROTA_M_EACH_63(f, T, __VA_ARGS__)
#define ROTA_M_EACH_65(f, T, a, ...) f(T, a) ROTA_M_EACH_64(f, T, __VA_ARGS__)
#define ROTA_M_EACH_66(f, T, a, ...) f(T, a) ROTA_M_EACH_65(f, T, __VA_ARGS__)
#define ROTA_M_EACH_67(f, T, a, ...) f(T, a) ROTA_M_EACH_66(f, T, __VA_ARGS__)
#define ROTA_M_EACH_68(f, T, a, ...) f(T, a) ROTA_M_EACH_67(f, T, __VA_ARGS__)
#define ROTA_M_EACH_69(f, T, a, ...) f(T, a) ROTA_M_EACH_68(f, T, __VA_ARGS__)
#define ROTA_M_EACH_70(f, T, a, ...) f(T, a) ROTA_M_EACH_69(f, T, __VA_ARGS__)
#define ROTA_M_EACH_71(f, T, a, ...) f(T, a) ROTA_M_EACH_70(f, T, __VA_ARGS__)
#define ROTA_M_EACH_72(f, T, a, ...) f(T, a) ROTA_M_EACH_71(f, T, __VA_ARGS__)
#define ROTA_M_EACH_73(f, T, a, ...) f(T, a) ROTA_M_EACH_72(f, T, __VA_ARGS__)
#define ROTA_M_EACH_74(f, T, a, ...) f(T, a) ROTA_M_EACH_73(f, T, __VA_ARGS__)
#define ROTA_M_EACH_75(f, T, a, ...) f(T, a) ROTA_M_EACH_74(f, T, __VA_ARGS__)
#define ROTA_M_EACH_76(f, T, a, ...) f(T, a) ROTA_M_EACH_75(f, T, __VA_ARGS__)
#define ROTA_M_EACH_77(f, T, a, ...) f(T, a) ROTA_M_EACH_76(f, T, __VA_ARGS__)
#define ROTA_M_EACH_78(f, T, a, ...) f(T, a) ROTA_M_EACH_77(f, T, __VA_ARGS__)
#define ROTA_M_EACH_79(f, T, a, ...) f(T, a) ROTA_M_EACH_78(f, T, __VA_ARGS__)
#define ROTA_M_EACH_80(f, T, a, ...) f(T, a) ROTA_M_EACH_79(f, T, __VA_ARGS__)
#define ROTA_M_EACH_81(f, T, a, ...) f(T, a) ROTA_M_EACH_80(f, T, __VA_ARGS__)
#define ROTA_M_EACH_82(f, T, a, ...) f(T, a) ROTA_M_EACH_81(f, T, __VA_ARGS__)
#define ROTA_M_EACH_83(f, T, a, ...) f(T, a) ROTA_M_EACH_82(f, T, __VA_ARGS__)
#define ROTA_M_EACH_84(f, T, a, ...) f(T, a) ROTA_M_EACH_83(f, T, __VA_ARGS__)
#define ROTA_M_EACH_85(f, T, a, ...) f(T, a) ROTA_M_EACH_84(f, T, __VA_ARGS__)
#define ROTA_M_EACH_86(f, T, a, ...) f(T, a) ROTA_M_EACH_85(f, T, __VA_ARGS__)
#define ROTA_M_EACH_87(f, T, a, ...) f(T, a) ROTA_M_EACH_86(f, T, __VA_ARGS__)
#define ROTA_M_EACH_88(f, T, a, ...) f(T, a) ROTA_M_EACH_87(f, T, __VA_ARGS__)
#define ROTA_M_EACH_89(f, T, a, ...) f(T, a) ROTA_M_EACH_88(f, T, __VA_ARGS__)
#define ROTA_M_EACH_90(f, T, a, ...) f(T, a) ROTA_M_EACH_89(f, T, __VA_ARGS__)
#define ROTA_M_EACH_91(f, T, a, ...) f(T, a) ROTA_M_EACH_90(f, T, __VA_ARGS__)
#define ROTA_M_EACH_92(f, T, a, ...) f(T, a) ROTA_M_EACH_91(f, T, __VA_ARGS__)
#define ROTA_M_EACH_93(f, T, a, ...) f(T, a) ROTA_M_EACH_92(f, T, __VA_ARGS__)
#define ROTA_M_EACH_94(f, T, a, ...) f(T, a) ROTA_M_EACH_93(f, T, __VA_ARGS__)
#define ROTA_M_EACH_95(f, T, a, ...) f(T, a) ROTA_M_EACH_94(f, T, __VA_ARGS__)
#define ROTA_M_EACH_96(f, T, a, ...) f(T, a) ROTA_M_EACH_95(f, T, __VA_ARGS__)

/*
 * ROTA_OPT_a for each argument a: the options of a field. It runs inside the
 * loop above, and a macro cannot run inside itself, hence steps of its own.
 */
#define ROTA_M_OPTIONS(...) \
    __VA_OPT__(ROTA_M_JOIN(ROTA_M_OPTIONS_, ROTA_M_COUNT(__VA_ARGS__))(__VA_ARGS__))
#define ROTA_M_OPTIONS_1(a) ROTA_OPT_##a
#define ROTA_M_OPTIONS_2(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_1(__VA_ARGS__)
#define ROTA_M_OPTIONS_3(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_2(__VA_ARGS__)
#define ROTA_M_OPTIONS_4(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_3(__VA_ARGS__)
#define ROTA_M_OPTIONS_5(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_4(__VA_ARGS__)
#define ROTA_M_OPTIONS_6(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_5(__VA_ARGS__)
#define ROTA_M_OPTIONS_7(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_6(__VA_ARGS__)
#define ROTA_M_OPTIONS_8(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_7(__VA_ARGS__)
#define ROTA_M_OPTIONS_9(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_8(__VA_ARGS__)
#define ROTA_M_OPTIONS_10(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_9(__VA_ARGS__)
#define ROTA_M_OPTIONS_11(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_10(__VA_ARGS__)
#define ROTA_M_OPTIONS_12(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_11(__VA_ARGS__)
#define ROTA_M_OPTIONS_13(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_12(__VA_ARGS__)
#define ROTA_M_OPTIONS_14(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_13(__VA_ARGS__)
#define ROTA_M_OPTIONS_15(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_14(__VA_ARGS__)
#define ROTA_M_OPTIONS_16(a, ...) ROTA_OPT_##a ROTA_M_OPTIONS_15(__VA_ARGS__)

/* clang-format on */

#endif
